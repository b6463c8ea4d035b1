import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { runLookaside, runLookasideProcess } from '../../kit/program/lookaside.ts';
import { run, type RunResult } from '../../kit/process/run.ts';
import { formatLocation, writeSignature } from '../../kit/signer/signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from '../../kit/signer/signer.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const OTHER_DIGEST = `sha256:${'cd'.repeat(32)}`;
const SIGNED_AT = new Date('2026-03-04T05:06:07Z');
const CLAIMS = {
  dockerReference: 'registry.example/team/app:v1',
  manifestDigest: DIGEST,
  creator: 'the test',
  timestamp: SIGNED_AT.getTime() / 1000,
};
const GOOD = formatLocation('team/app', DIGEST, 1);
const MISPLACED = formatLocation('team/app', OTHER_DIGEST, 1);
// oxlint-disable-next-line no-control-regex -- what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

describeWith(['gpg', 'gpgv', 'git'], 'lookaside check', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), 'sigs', ...names);
  let signer: Signer;
  let key: SigningKey;
  let keyFile: string;
  let signature: Buffer;
  let keysDirectory: string;
  before(async () => {
    signer = await makeSigner();
    key = await signer.makeKey({ name: 'Release', at: new Date('2025-01-01T00:00:00Z') });
    keysDirectory = await makeTemporary();
    keyFile = await signer.exportKeys(join(keysDirectory, 'key.asc'), key);
    signature = await signer.sign(key, CLAIMS, { at: SIGNED_AT });
  });
  after(async () => {
    await signer.stop();
    await removeTemporary(keysDirectory);
  });

  const put = (repository: string, digest: string, bytes: Uint8Array | string, number = 1) =>
    writeSignature(at(), { repository, digest, number }, Buffer.from(bytes));
  const check = (...args: string[]): Promise<RunResult> => runLookaside(['check', at(), ...args]);
  /** Under a pseudo-terminal, where standard output and standard error are one. */
  const checkOnTerminal = async (
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
    source = at(),
  ): Promise<RunResult> => {
    const words = [process.execPath, MAIN, 'check', source, ...args].map((word) => `'${word}'`);
    const command = ['-qec', words.join(' '), '/dev/null'];
    return run('script', command, { env: { NO_COLOR: undefined, TERM: 'xterm', ...env } });
  };
  const report = async (source: string, ...args: string[]): Promise<unknown> => {
    const options = ['--format', 'json', '--keys', keyFile];
    const { stdout } = await runLookaside(['check', source, ...options, ...args]);
    return JSON.parse(stdout);
  };

  const expected = (): object => ({
    keys: [{ fingerprint: key.fingerprint, userIds: [key.userId], expires: null }],
    summary: { accepted: 1, unverified: 0, rejected: 1, ignored: 1 },
    files: [
      { path: 'README.md', status: 'ignored' },
      {
        path: GOOD,
        status: 'accepted',
        servedAs: `/${GOOD}`,
        claims: {
          dockerReference: CLAIMS.dockerReference,
          manifestDigest: DIGEST,
          creator: 'the test',
          timestamp: '2026-03-04T05:06:07Z',
        },
        signer: { fingerprint: key.fingerprint, primaryFingerprint: key.fingerprint },
        warnings: [],
      },
      {
        path: MISPLACED,
        status: 'rejected',
        code: 'digest-mismatch',
        message: `expected the digest ${OTHER_DIGEST}, got ${JSON.stringify(DIGEST)}`,
        hint: `By its content it belongs to ${JSON.stringify(GOOD)}, or to the next free number there.`,
        breaksPulls: false,
      },
    ],
  });

  const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;
  beforeEach(() => mkdir(at()));

  describe('ends with', () => {
    it('0 when all is good', async () => {
      await put('team/app', DIGEST, signature);
      await writeFile(at('README.md'), 'x');
      const { code, stdout, stderr } = await check('--keys', keyFile);
      assert.equal(code, 0);
      assert.equal(stdout, 'good: 2 files: 1 accepted, 0 rejected, 1 ignored\n');
      assert.equal(stderr, '');
    });

    it('0 for an empty directory, with a warning', async () => {
      const { code, stdout } = await check('--keys', keyFile);
      assert.equal(code, 0);
      assert.match(stdout, /^warning: nothing here could be a signature: /);
      assert.ok(stdout.endsWith('\ngood: 0 files: 0 accepted, 0 rejected, 0 ignored\n'), stdout);
    });

    it('0 when nothing could be verified for lack of keys, with a warning', async () => {
      await put('team/app', DIGEST, signature);
      const { code, stdout } = await check();
      assert.equal(code, 0);
      assert.match(stdout, /^warning: no keys were given: .*--keys\)\n/);
      assert.match(stdout, /\ngood: 1 files: 0 accepted, 1 unverified, 0 rejected, 0 ignored\n$/);
    });

    it('1 where all scopes have other stores, and misses no keys', async () => {
      await put('team/app', DIGEST, signature);
      await writeFile(at('vendors.yaml'), 'scopes: { registry.redhat.io: { vendor: redhat } }');
      const { code, stdout } = await check('--config', at('vendors.yaml'));
      assert.equal(code, 1);
      assert.match(stdout, /^team\/app@.*: unknown-signer: /);
      assert.doesNotMatch(stdout, /no keys were given/);
    });

    it('1 for faults', async () => {
      await put('team/app', DIGEST, '');
      const { code, stderr } = await check('--keys', keyFile);
      assert.equal(code, 1);
      assert.equal(stderr, '');
    });

    it('2 when it cannot work', async () => {
      const { code, stdout } = await runLookaside(['check', at('nowhere')]);
      assert.equal(code, 2);
      assert.equal(stdout, '');
    });
  });

  it('tells of all faults in one run: code, message, cure', async () => {
    await put('team/app', DIGEST, signature);
    await put('team/app', OTHER_DIGEST, signature);
    await put('team/empty', DIGEST, '');
    await put('team/html', DIGEST, '<html>');
    await put('team/app', 'sha256:12', signature);
    await writeFile(at('signature-1'), signature);
    const { code, stdout } = await check('--keys', keyFile);
    assert.equal(code, 1);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.pop(), 'faults: 6 files: 1 accepted, 5 rejected, 0 ignored');
    assert.deepEqual(
      lines.filter((_, index) => index % 2 === 0).map((line) => line.split(': ', 2)),
      [
        ['signature-1', 'misplaced'],
        [formatLocation('team/app', 'sha256:12', 1), 'invalid-digest'],
        [MISPLACED, 'digest-mismatch'],
        [formatLocation('team/empty', DIGEST, 1), 'empty'],
        [formatLocation('team/html', DIGEST, 1), 'html'],
      ],
    );
    for (const hint of lines.filter((_, index) => index % 2 === 1))
      assert.match(hint, /^ {2}hint: \S/);
    assert.match(stdout, /empty: expected .*, got 0 bytes \(served, it would fail every pull/);
    assert.match(stdout, new RegExp(`digest-mismatch: expected the digest ${OTHER_DIGEST}, got `));
  });

  describe('--format json', () => {
    it('is as documented for a directory', async () => {
      await put('team/app', DIGEST, signature);
      await put('team/app', OTHER_DIGEST, signature);
      await writeFile(at('README.md'), 'x');
      assert.deepEqual(await report(at()), {
        source: { kind: 'directory', location: at() },
        ...expected(),
      });
    });

    describe('for a git repository', () => {
      let remote: GitRemote;
      beforeEach(async () => {
        remote = await makeGitRemote();
      });
      afterEach(() => remote.remove());

      it('names the commit; paths are relative to the subtree', async () => {
        const commit = await remote.publish({
          [`published/${GOOD}`]: signature,
          [`published/${MISPLACED}`]: signature,
          'published/README.md': 'x',
          'other/signature-1': 'x',
        });
        assert.deepEqual(await report(remote.path, '--path', 'published/'), {
          source: { kind: 'git', location: remote.path, commit },
          ...expected(),
        });
        const left = (await readdir(directory())).filter((name) => name.startsWith('lookaside-'));
        assert.deepEqual(left, []);
      });

      it('is found from the working directory', async () => {
        await remote.publish({ [GOOD]: signature });
        const options = { cwd: join(remote.path, '..') };
        const { code, stderr } = await runLookaside(
          ['check', 'signatures.git', '--keys', keyFile],
          options,
        );
        assert.equal(code, 0, stderr);
      });
    });
  });

  describe('on a pipe', () => {
    it('has no colours and no bar, whatever the terminal is said to be', async () => {
      await put('team/app', DIGEST, '');
      const env = { TERM: 'xterm-256color', COLORTERM: 'truecolor', FORCE_COLOR: '1' };
      const { stdout, stderr } = await runLookasideProcess(['check', at(), '--keys', keyFile], {
        env,
      });
      assert.doesNotMatch(`${stdout}${stderr}`, CONTROL);
    });

    it('prints no control character of a path', async () => {
      const evil = '\u001b[2J\u0007\u009b31m\u202eevil\nsignature-1';
      await mkdir(at(`x@sha256=${'ab'.repeat(32)}`));
      await writeFile(at(`x@sha256=${'ab'.repeat(32)}`, evil), 'x');
      const { code, stdout } = await check('--keys', keyFile);
      assert.equal(code, 1);
      assert.doesNotMatch(stdout, CONTROL);
      assert.match(
        stdout,
        /\\u\{1b\}\[2J\\u\{7\}\\u\{9b\}31m\\u\{202e\}evil\\u\{a\}signature-1: stray-file: /,
      );
      assert.equal(stdout.trimEnd().split('\n').length, 3);
    });

    it('prints no control character of what was signed', async () => {
      const dockerReference = 'registry.example/\u009b2J\u202e\u001b/app:v1';
      await put('team/app', DIGEST, await signer.sign(key, { ...CLAIMS, dockerReference }));
      const { code, stdout } = await check('--keys', keyFile);
      assert.equal(code, 1);
      assert.doesNotMatch(stdout, CONTROL);
    });

    it('is complete, however long', async () => {
      const files = Array.from(
        { length: 3000 },
        (_, index) => `signature-x${index}-${'y'.repeat(80)}`,
      );
      await Promise.all(files.map((name) => writeFile(at(name), '')));
      const args = [process.execPath, MAIN, 'check', at(), '--format', 'json'];
      // A reader that comes late and reads slowly.
      const { stdout } = await run('sh', ['-c', '"$@" | { sleep 0.5; cat; }', 'sh', ...args]);
      const { summary } = JSON.parse(stdout) as { summary: { rejected: number } };
      assert.equal(summary.rejected, 3000);
      const closed = await run('sh', ['-c', '"$@" | head -c 100', 'sh', ...args]);
      assert.equal(closed.stdout.length, 100);
      assert.equal(closed.stderr, '');
    });
  });

  if (hasTerminal) {
    describe('on a terminal', () => {
      const RED = '\u001b[31m';

      it('has colours', async () => {
        await put('team/app', DIGEST, '');
        const { code, stdout } = await checkOnTerminal(['--keys', keyFile]);
        assert.equal(code, 1);
        assert.ok(stdout.includes(`${RED}empty`), JSON.stringify(stdout));
        assert.ok(stdout.includes(`${RED}faults`), JSON.stringify(stdout));
      });

      for (const [name, value] of [
        ['NO_COLOR', '1'],
        ['TERM', 'dumb'],
      ] as const) {
        it(`has none with ${name}=${value}`, async () => {
          await put('team/app', DIGEST, '');
          const { stdout } = await checkOnTerminal(['--keys', keyFile], { [name]: value });
          assert.ok(!stdout.includes('\u001b['), JSON.stringify(stdout));
        });
      }
    });
  }
});
