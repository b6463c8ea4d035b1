// What CI gets from `check`: exit code and paths, by the built program.
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from 'sarif';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { makePublisher, type Publisher } from '../../kit/signer/publisher.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const BAD = `team/app@sha256=${'cd'.repeat(32)}/signature-1`;

/** The paths of the findings, as each format has them. */
const FORMATS: Readonly<Record<string, (output: string) => readonly string[]>> = {
  github: (output) =>
    [...output.matchAll(/^::(?:error|warning) file=([^,:]*)/gm)].map(([, path = '']) => path),
  sarif: (output) => {
    const log = JSON.parse(output) as Log;
    return log.runs
      .flatMap(({ results = [] }) => results.flatMap(({ locations = [] }) => locations))
      .map(({ physicalLocation }) => physicalLocation?.artifactLocation?.uri ?? '');
  },
  junit: (output) =>
    [...output.matchAll(/<testcase classname="([^"]*)" name="([^"]*)">\s*<failure/g)].map(
      ([, directory = '', name = '']) => `${directory}/${name}`,
    ),
};

describeWith(['gpg', 'git'], 'the report for CI', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  let good: { readonly location: string; readonly bytes: Buffer };
  let remote: GitRemote;
  before(async () => {
    publisher = await makePublisher();
    good = await publisher.sign({ digest: DIGEST });
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({
      'README.md': 'x',
      [`signatures/${good.location}`]: good.bytes,
      [`signatures/sub/${BAD}`]: '<html>',
    });
  });
  afterEach(() => remote.remove());

  const check = async (...args: string[]): ReturnType<typeof runLookaside> =>
    runLookaside(['check', ...args, '--keys', publisher.keyFile], { cwd: remote.work });
  const path = `signatures/sub/${BAD}`;

  for (const [format, pathsIn] of Object.entries(FORMATS)) {
    describe(`as ${format}`, () => {
      it('ends with 1 for faults and 0 without', async () => {
        const faulty = await check('signatures', '--format', format);
        assert.equal(faulty.stderr, '');
        assert.equal(faulty.code, 1);
        await rm(join(remote.work, path));
        const healed = await check('signatures', '--format', format);
        assert.deepEqual(pathsIn(healed.stdout), []);
        assert.equal(healed.code, 0);
      });

      it('ends with 1 for warnings if strict, and names their files', async () => {
        await rm(join(remote.work, path));
        const renumbered = `signatures/${good.location.replace(/1$/, '2')}`;
        await remote.git('mv', `signatures/${good.location}`, renumbered);
        const lenient = await check('.', '--format', format);
        assert.equal(lenient.code, 0);
        const strict = await check('.', '--format', format, '--strict');
        assert.deepEqual(pathsIn(strict.stdout), [renumbered]);
        assert.equal(strict.code, 1);
      });

      for (const args of [
        ['.'],
        ['signatures'],
        ['./signatures/'],
        ['signatures/sub'],
        ['.', '--path', 'signatures'],
        ['signatures', '--path', 'sub'],
      ]) {
        it(`names files from the root of the repository: check ${args.join(' ')}`, async () => {
          const { code, stdout } = await check(...args, '--format', format);
          assert.deepEqual(pathsIn(stdout), [path]);
          assert.equal(code, 1);
        });
      }

      it('names files from the root of the repository: a git URL', async () => {
        for (const args of [[], ['--path', 'signatures'], ['--path', 'signatures/sub/']]) {
          const { stdout } = await check(remote.fileUrl, ...args, '--format', format);
          assert.deepEqual(pathsIn(stdout), [path]);
        }
      });

      it('names files from the published directory where the repository is not known', async () => {
        for (const source of [join(remote.work, 'signatures'), '../checkout/signatures']) {
          const { stdout } = await check(source, '--format', format);
          assert.deepEqual(pathsIn(stdout), [`sub/${BAD}`]);
        }
      });

      it('is written to the environment’s order too', async () => {
        const { code, stdout } = await runLookaside(['check', '.'], {
          cwd: remote.work,
          env: { LOOKASIDE_FORMAT: format, LOOKASIDE_KEYS: publisher.keyFile },
        });
        assert.deepEqual(pathsIn(stdout), [path]);
        assert.equal(code, 1);
      });

      it('has nothing on standard output where the check cannot be done', async () => {
        const { code, stdout, stderr } = await check('none', '--format', format);
        assert.equal(code, 2);
        assert.equal(stdout, '');
        assert.match(stderr, /^lookaside: .*no such directory\n/);
      });

      it('is complete for names that want to break out', async () => {
        await mkdir(join(directory(), `x@sha256=${'ab'.repeat(32)}`));
        const name = 'a,title=x::"<&>\n::error::b';
        await writeFile(join(directory(), `x@sha256=${'ab'.repeat(32)}`, name), 'x');
        const { code, stdout } = await check(directory(), '--format', format);
        assert.equal(code, 1);
        assert.doesNotMatch(stdout, /^::error::b/m);
        assert.equal((stdout.match(/stray-file/g) ?? []).length > 0, true);
      });
    });
  }
});
