// What a release offers to download, as its scripts make it, and its chart in a registry.
import assert from 'node:assert/strict';
import { cp, readFile, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { readContainer, readVersion } from '../chart/rendered.ts';
import { helm, kubernetesEnvironment } from '../kit/kubernetes/kubernetes-tools.ts';
import { LEAST, parseObjects } from '../kit/kubernetes/render.ts';
import { freePort } from '../kit/process/free-port.ts';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { startRegistry } from '../kit/registry/registry.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const ROOT = join(import.meta.dirname, '../..');
const VERSION = readVersion();
const IMAGE = 'registry.inside.example:5000/team/lookaside';
/** The program is built anew. Milliseconds. */
const PATIENCE = 500_000;
const CHART = `lookaside-chart-${VERSION}.tgz`;
const GIVEN = {
  SOURCE: 'https://git.example.com/team/lookaside',
  MAINTAINER: 'Release Team <release@lookaside.dev>',
  IMAGE,
  SOURCE_DATE_EPOCH: '1750000000',
};

describeWith(['git', 'dpkg-deb', 'rpmbuild', 'docker-registry'], 'the files of a release', () => {
  const directory = useTemporary('suite');
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  const runScript = async (
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
  ): Promise<RunResult> =>
    run('sh', [at('tree/scripts/release', name), ...args], {
      env: { ...(await kubernetesEnvironment()), ...env },
      timeout: PATIENCE,
    });

  before('make them, in a copy of the sources, as they are built anew', async () => {
    const { stdout } = await runOrThrow('git', ['ls-files', '-z'], { cwd: ROOT });
    for (const path of stdout.split('\0').filter((one) => one !== '')) {
      await cp(join(ROOT, path), at('tree', path));
    }
    await symlink(join(ROOT, 'node_modules'), at('tree/node_modules'));
    const { code, stderr } = await runScript('make-files.sh', [at('files')], GIVEN);
    assert.equal(code, 0, stderr);
  });

  it('are the packages, the chart, the bill of materials and the sums of all', async () => {
    assert.deepEqual((await readdir(at('files'))).toSorted(), [
      'SHA256SUMS',
      `lookaside-${VERSION}-1.noarch.rpm`,
      `lookaside-${VERSION}.cdx.json`,
      `lookaside-${VERSION}.tgz`,
      CHART,
      `lookaside_${VERSION}_all.deb`,
    ]);
    const words = ['--check', '--strict', 'SHA256SUMS'];
    const { stdout } = await runOrThrow('sha256sum', words, { cwd: at('files') });
    assert.equal(stdout.trim().split('\n').length, 5);
  });

  it('have a package for npm that names the repository, as provenance asks for', async () => {
    const file = at('files', `lookaside-${VERSION}.tgz`);
    const { stdout } = await runOrThrow('tar', ['xzOf', file, 'package/package.json']);
    const { repository } = JSON.parse(stdout) as { readonly repository: unknown };
    assert.deepEqual(repository, { type: 'git', url: `git+${GIVEN.SOURCE}.git` });
  });

  it('have a chart that installs the image of the release, and has nothing else of its own', async () => {
    const shown = await helm(['show', 'values', at('files', CHART)]);
    const values = await readFile(join(ROOT, 'deploy/chart/values.yaml'), 'utf8');
    const differing = shown.stdout.split('\n').filter((line) => !values.includes(`${line}\n`));
    assert.deepEqual(differing.map((line) => line.trim()).filter(Boolean), [
      '# That of this version, unless it is mirrored.',
      `repository: ${IMAGE}`,
    ]);
    const notes = ['install', '--dry-run=client', 'lookaside', at('files', CHART), '--values', '-'];
    const told = await helm(notes, { input: stringify(LEAST) });
    assert.equal(told.code, 0, told.stderr);
    assert.doesNotMatch(told.stdout, /placeholder/);
  });

  it('refuse a directory with something in it, and a release that lacks a name', async () => {
    const again = await runScript('make-files.sh', [at('files')], GIVEN);
    assert.match(again.stderr, /^make-files: expected an empty directory, got /);
    assert.equal(again.code, 2);
    for (const name of ['SOURCE', 'MAINTAINER', 'IMAGE']) {
      const { code, stderr } = await runScript('make-files.sh', [at('none')], {
        ...GIVEN,
        [name]: undefined,
      });
      assert.match(stderr, new RegExp(`${name}: expected `));
      assert.notEqual(code, 0);
    }
  });

  it('have a chart that is pushed, and found by the digest that is printed', async () => {
    const registry = await startRegistry();
    const charts = `${registry.host}/charts`;
    const args = [at('files', CHART), charts, '--plain-http'];
    const { code, stdout, stderr } = await runScript('push-chart.sh', args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^sha256:[0-9a-f]{64}\n$/);
    const chart = `oci://${charts}/lookaside@${stdout.trim()}`;
    const words = ['template', 'lookaside', chart, '--plain-http', '--values', '-'];
    const rendered = await helm(words, { input: stringify(LEAST) });
    assert.equal(rendered.code, 0, rendered.stderr);
    const { container } = readContainer(parseObjects(rendered.stdout));
    assert.equal(container.image, `${IMAGE}:${VERSION}`);
    await registry.stop();
  });

  it('have a chart that is not pushed where there is no registry, which is told', async () => {
    const charts = `127.0.0.1:${await freePort()}/charts`;
    const args = [at('files', CHART), charts, '--plain-http'];
    const { code, stdout, stderr } = await runScript('push-chart.sh', args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /connection refused/);
  });
});
