// What `lookaside resolve` takes and says, by the example repository. That it is right about lists is for
// test/e2e, and the rule itself for test/generator.
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { type Expected, assertUsageError } from '../explain/assert-usage-error.ts';

const EXAMPLE = 'signatures';
const KEYS = ['--keys', join(EXAMPLE, 'keys'), '--manifests', 'never'];
const APP = 'registry.example.com/team/app:1.0';
const APP_HEX = '09532eb18dcfc14be8c644ac82b2373f2113c9249c43648f6e86bf5a4c61ff25';
const PINNED = `${APP}@sha256:${APP_HEX}`;
const BASE = 'registry.example.com/platform/base:12';
const pod = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: ${image} # ours\n`;

const resolve = async (...args: readonly string[]) =>
  runInProcess(['resolve', ...args, EXAMPLE, ...KEYS]);
const onFiles = async (mode: string, ...files: readonly string[]) => {
  const [first = '', ...others] = files;
  const run = await runInProcess(['resolve', EXAMPLE, ...others, ...KEYS, mode, first]);
  return { ...run, stdout: run.stdout.toString() };
};

describe('lookaside resolve', () => {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  it('prints a line for each image that is resolved, and why others are not', async () => {
    const { code, stdout, stderr } = await resolve(APP, BASE, `docker://${PINNED}`);
    assert.equal(code, 1);
    assert.equal(stdout.toString(), `${PINNED}\n${PINNED}\n`);
    assert.match(
      stderr,
      /^lookaside: registry\.example\.com\/platform\/base:12: 3 digests are signed/,
    );
    assert.match(stderr, /\nhint: Try again/);
  });

  it('prints all that is known as JSON', async () => {
    const { code, stdout, stderr } = await resolve(APP, '--format', 'json');
    const { version, source, images } = JSON.parse(stdout.toString());
    const [{ signatures, ...image }] = images;
    assert.deepEqual([code, stderr, version, source.kind], [0, '', 1, 'directory']);
    assert.deepEqual(image, {
      image: APP,
      name: 'registry.example.com/team/app',
      verdict: 'resolved',
      digest: `sha256:${APP_HEX}`,
      reference: PINNED,
      scope: '',
      by: 'only',
      others: [],
      platforms: [],
      reason: null,
      warnings: [],
    });
    assert.equal(signatures[0].servedAs, `/team/app@sha256=${APP_HEX}/signature-1`);
  });

  it('warns of a digest that was signed for another tag', async () => {
    const { code, stdout, stderr } = await resolve(PINNED.replace(':1.0', ':9'));
    assert.deepEqual([code, stdout.toString()], [0, `${PINNED.replace(':1.0', ':9')}\n`]);
    assert.match(
      stderr,
      /^lookaside: warning: .* was never signed for the tag 9, only as .*:1\.0$/m,
    );
  });

  describe('complains', () => {
    const cases: Readonly<Record<string, readonly [readonly string[], Expected]>> = {
      'of no IMAGE': [[], { message: /^there is no IMAGE to resolve$/ }],
      'of no IMAGE before SOURCE': [[EXAMPLE], { message: /^there is no IMAGE to resolve$/ }],
      'of no place to look': [
        [APP],
        { message: /^resolve needs a place/, hint: /SOURCE.*--server/ },
      ],
      'of what is no image': [
        ['Team/App', EXAMPLE],
        { message: /^expected an image, got "Team\/App"/ },
      ],
      'of --check beside --write': [
        [EXAMPLE, '--check', 'a', '--write', 'b'],
        { message: /^--check and --write exclude each other$/ },
      ],
      'of a file that is not there': [
        [EXAMPLE, '--check', 'nowhere.yaml', ...KEYS],
        { message: /^cannot read manifests: .*no such file/, hint: /name a file, or a directory/ },
      ],
      'of a directory of manifests that is not there': [
        [APP, EXAMPLE, '--keys', join(EXAMPLE, 'keys'), '--manifests', 'nowhere'],
        { message: /^--manifests: .*no such file/, hint: /ask, never, or a directory/ },
      ],
      'of SOURCE and --server': [
        [APP, EXAMPLE, '--server', 'http://localhost:1'],
        { message: /^--server and SOURCE both say where to look$/ },
      ],
    };
    for (const [title, [args, expected]] of Object.entries(cases)) {
      it(title, async () => assertUsageError(await runInProcess(['resolve', ...args]), expected));
    }
    it('of files before SOURCE', async () => {
      await writeFile(at('a.yaml'), pod(APP));
      const args = ['resolve', '--check', at('a.yaml'), at('a.yaml'), EXAMPLE];
      assertUsageError(await runInProcess(args), {
        message: /^expected SOURCE before other files/,
      });
    });
  });

  describe('pins', () => {
    it('files and directories, and keeps mode, links and all else', async () => {
      await mkdir(at('deploy', 'sub', '.git'), { recursive: true });
      await writeFile(at('deploy', 'a.yaml'), pod(APP));
      await chmod(at('deploy', 'a.yaml'), 0o604);
      await writeFile(
        at('deploy', 'sub', 'b.json'),
        JSON.stringify({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image: APP }] } }),
      );
      await writeFile(at('deploy', 'values.yaml'), `image: ${APP}\n`);
      await mkdir(at('deploy', 'chart', 'templates', 'sub'), { recursive: true });
      await writeFile(at('deploy', 'chart', 'Chart.yaml'), 'apiVersion: v2\nname: app\n');
      const template = at('deploy', 'chart', 'templates', 'sub', 'template.yaml');
      await writeFile(template, 'a: {{ .Values.a }}\nb: [');
      await symlink('a.yaml', at('deploy', 'z.yaml'));
      await symlink('.', at('deploy', 'round'));
      await writeFile(at('deploy', 'sub', '.git', 'c.yaml'), pod(APP));
      await writeFile(at('real.yml'), pod(APP));
      await symlink(at('real.yml'), at('link.yml'));
      const { code, stdout, stderr } = await onFiles('--write', at('deploy'), at('link.yml'));
      assert.deepEqual([code, stdout], [0, '4 images in 7 files: all pinned to what is signed\n']);
      assert.match(stderr, /values\.yaml: It has objects without apiVersion and kind/);
      assert.match(stderr, /template\.yaml: it is a template.*; passed over/);
      assert.equal(await readFile(at('deploy', 'a.yaml'), 'utf8'), pod(PINNED));
      assert.equal((await stat(at('deploy', 'a.yaml'))).mode & 0o777, 0o604);
      assert.match(await readFile(at('deploy', 'sub', 'b.json'), 'utf8'), new RegExp(PINNED));
      assert.equal(await readFile(at('deploy', 'values.yaml'), 'utf8'), `image: ${APP}\n`);
      assert.equal(await readFile(at('deploy', 'sub', '.git', 'c.yaml'), 'utf8'), pod(APP));
      assert.equal(await readFile(at('real.yml'), 'utf8'), pod(PINNED));
      assert.deepEqual((await readdir(directory())).toSorted(), ['deploy', 'link.yml', 'real.yml']);
    });

    it('nothing where one image cannot be pinned', async () => {
      await writeFile(at('a.yaml'), pod(APP));
      await writeFile(at('b.yaml'), pod('registry.example.com/team/other:1'));
      const { code, stdout } = await onFiles('--write', at('a.yaml'), at('b.yaml'));
      assert.equal(code, 1);
      assert.match(
        stdout,
        /b\.yaml:5: registry\.example\.com\/team\/other:1: .* has no signatures here/,
      );
      assert.match(stdout, /1 not pinned to what is signed; nothing was written\n$/);
      assert.equal(await readFile(at('a.yaml'), 'utf8'), pod(APP));
    });

    it('standard input, on standard output', async () => {
      const args = ['resolve', EXAMPLE, ...KEYS, '--write', '-'];
      const { code, stdout, stderr } = await runInProcess(args, {}, { input: pod(APP) });
      assert.deepEqual([code, stdout.toString()], [0, pod(PINNED)]);
      assert.match(stderr, /^1 image in 1 file: all pinned/);
    });

    it('nothing where a file below a directory cannot be read, whatever kubectl makes of it', async () => {
      const twice = `${pod(APP)}      image: evil.example/x:1\n`;
      await writeFile(at('a.yaml'), pod(APP));
      for (const text of [twice, `# {{ }}\n${twice}`, '['.repeat(100_000)]) {
        await writeFile(at('b.yaml'), text);
        for (const mode of ['--check', '--write']) {
          const { code, stderr } = await onFiles(mode, directory());
          assert.equal(code, 2, stderr);
          assert.match(
            stderr,
            /b\.yaml: it is (?:a template|nested)|b\.yaml: the key "image" stands/,
          );
        }
      }
      assert.equal(await readFile(at('a.yaml'), 'utf8'), pod(APP));
    });

    it('nothing outside of the directory that was named, but checks it', async () => {
      await mkdir(at('in'));
      await writeFile(at('out.yaml'), pod(APP));
      await symlink('../out.yaml', at('in', 'a.yaml'));
      assert.equal((await onFiles('--check', at('in'))).code, 1);
      const { code, stderr } = await onFiles('--write', at('in'));
      assert.deepEqual([code, await readFile(at('out.yaml'), 'utf8')], [2, pod(APP)]);
      assert.match(stderr, /in\/a\.yaml leads out of the directory/);
    });

    it('standard input with its byte order mark, and none that is no UTF-8', async () => {
      const args = ['resolve', EXAMPLE, ...KEYS, '--write', '-'];
      const marked = await runInProcess(args, {}, { input: `\ufeff${pod(APP)}` });
      assert.deepEqual([marked.code, marked.stdout.toString()], [0, `\ufeff${pod(PINNED)}`]);
      const latin = Buffer.from(`# \u00e9\n${pod(APP)}`, 'latin1');
      assertUsageError(await runInProcess(args, {}, { input: latin }), {
        message: /^standard input: expected UTF-8$/,
      });
    });

    it('no file that is a chart, when it is named', async () => {
      await writeFile(at('template.yaml'), 'a: {{ .Values.a }}\nb: [');
      await writeFile(at('values.yaml'), `image: ${APP}\n`);
      for (const file of ['template.yaml', 'values.yaml']) {
        const { code, stderr } = await onFiles('--write', at(file));
        assert.equal(code, 2, stderr);
        assert.match(stderr, /template, not a plain manifest|has no plain Kubernetes manifests/);
      }
    });
  });

  describe('checks', () => {
    const cases: Readonly<Record<string, readonly [image: string, code: number, said: RegExp]>> = {
      'an image without a digest': [APP, 1, /it has no digest\n {2}Write .*@sha256:0953/],
      'an image with a signed digest': [PINNED, 0, /all pinned/],
      'an image with a digest that is not signed': [
        `${APP}@sha256:${'0'.repeat(64)}`,
        1,
        /has signatures, but none for this digest/,
      ],
      'an image with blanks around it': [`'${APP} '`, 1, /there are blanks around it/],
      'a template': [`'{{ .Values.image }}'`, 1, /it is a template, not an image/],
      'what is no image': ['A', 1, /it is not the name of an image/],
      'an image whose name moves the cursor': [`"a\\e[2Jb"`, 1, /a\\u\{1b\}\[2Jb: it is not/],
    };
    for (const [title, [image, code, said]] of Object.entries(cases)) {
      it(title, async () => {
        await writeFile(at('a.yaml'), pod(image));
        const checked = await onFiles('--check', at('a.yaml'));
        assert.equal(checked.code, code, checked.stdout + checked.stderr);
        assert.match(checked.stdout, said);
        assert.equal(await readFile(at('a.yaml'), 'utf8'), pod(image));
      });
    }
    it('and tells programs', async () => {
      await writeFile(at('a.yaml'), pod(APP));
      const run = await runInProcess([
        'resolve',
        EXAMPLE,
        ...KEYS,
        '--check',
        at('a.yaml'),
        '--format',
        'json',
      ]);
      const { images, ...report } = JSON.parse(run.stdout.toString());
      assert.deepEqual(report, { version: 1, mode: 'check', files: 1, written: false });
      assert.deepEqual(images, [
        {
          path: at('a.yaml'),
          line: 5,
          image: APP,
          status: 'not-pinned',
          reference: PINNED,
          message: 'it has no digest',
          next: `Write ${PINNED}, or run this with --write.`,
          warnings: [],
        },
      ]);
    });
  });

  it('takes no answer of a server about another image', async () => {
    const answers = { image: APP, name: 'x', verdict: 'resolved', digest: `sha256:${APP_HEX}` };
    const nothing = { scope: null, by: 'only', signatures: [], others: [], platforms: [] };
    const generation = { number: 1, commit: null, loadedAt: '2026-01-01T00:00:00Z' };
    const more = { ...nothing, reason: null, warnings: [], version: 1, generation };
    let reference = PINNED;
    const server = createServer((_request, response) => {
      response.end(JSON.stringify({ ...answers, ...more, reference }));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ask = async () => runInProcess(['resolve', APP, '--server', address]);
    assert.equal((await ask()).stdout.toString(), `${PINNED}\n`);
    for (const other of ['evil.example/x:1', APP, PINNED.replace('team/app', 'team/evil')]) {
      reference = other;
      assertUsageError(await ask(), { message: /answered for another image$/ });
    }
    server.closeAllConnections();
    server.close();
  });
});
