import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { lookUp } from '../kit/program/look-up.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import type { RunResult } from '../kit/process/run.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { describeWith, toolPath } from '../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const OTHER_DIGEST = `sha256:${'cd'.repeat(32)}`;
const CLAIMS = { dockerReference: 'registry.example/team/app:v1', manifestDigest: DIGEST };

const reportSchema = z.object({
  files: z.array(
    z.object({
      status: z.string(),
      code: z.string().optional(),
      hint: z.string().optional(),
      breaksPulls: z.boolean().optional(),
    }),
  ),
});

function verdicts({ stdout }: RunResult): z.output<typeof reportSchema>['files'] {
  return reportSchema.parse(JSON.parse(stdout)).files;
}

describeWith(['gpg', 'gpgv', 'git'], 'where there is no gpgv', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  let signer: Signer;
  let rsa: SigningKey;
  let dsa: SigningKey;
  let rsaFile: string;
  let dsaFile: string;
  let plain: Buffer;
  let sha1: Buffer;
  let byDsa: Buffer;
  before(async () => {
    signer = await makeSigner();
    rsa = await signer.makeKey({ name: 'Plain', algorithm: 'rsa2048' });
    dsa = await signer.makeKey({ name: 'Old', algorithm: 'dsa2048' });
    rsaFile = await signer.exportKeys(join(signer.home, 'rsa.asc'), rsa);
    dsaFile = await signer.exportKeys(join(signer.home, 'dsa.asc'), dsa);
    plain = await signer.sign(rsa, CLAIMS);
    sha1 = await signer.sign(rsa, CLAIMS, { args: ['--digest-algo=SHA1'] });
    byDsa = await signer.sign(dsa, { ...CLAIMS, manifestDigest: OTHER_DIGEST });
  });
  after(() => signer.stop());

  let env: { readonly PATH: string };
  beforeEach('a PATH with node and git alone', async () => {
    await mkdir(at('bin'));
    await symlink(process.execPath, at('bin', 'node'));
    await symlink(toolPath('git'), at('bin', 'git'));
    env = { PATH: at('bin') };
  });

  const put = async (bytes: Uint8Array, number = 1, digest = DIGEST): Promise<string> =>
    writeSignature(at('sigs'), { repository: 'team/app', digest, number }, bytes);
  const check = async (args: readonly string[], PATH?: string): Promise<RunResult> =>
    runLookaside(['check', at('sigs'), ...args], { env: PATH === undefined ? {} : { PATH } });
  const json = ['--format', 'json'];

  it('what only it can judge is cannot-verify, with a hint, and the rest is judged', async () => {
    await put(plain);
    await put(sha1, 2);
    const args = ['--keys', rsaFile, ...json];
    const without = await check(args, env.PATH);
    const [first, second, ...rest] = verdicts(without);
    assert.equal(first?.status, 'accepted');
    assert.deepEqual([second?.status, second?.code], ['rejected', 'cannot-verify']);
    assert.match(second?.hint ?? '', /^Install gpgv /);
    assert.equal(second?.breaksPulls, false);
    assert.deepEqual(rest, []);
    assert.equal(without.code, 1);
    assert.equal(without.stderr, '');
    // Nothing is wrong with it.
    const withIt = await check(args);
    assert.deepEqual(
      verdicts(withIt).map(({ status }) => status),
      ['accepted', 'accepted'],
    );
    assert.equal(withIt.code, 0);
  });

  it('a gpgv that cannot be used counts as none', async () => {
    await put(sha1);
    for (const script of ['exit 1', 'echo "gpgv (GnuPG) 2.1.0"', 'echo hello']) {
      await writeFile(at('bin', 'gpgv'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      await symlink('/bin/sh', at('bin', 'sh')).catch(() => undefined);
      const [only] = verdicts(await check(['--keys', rsaFile, ...json], env.PATH));
      assert.equal(only?.code, 'cannot-verify', script);
    }
  });

  it('a key that needs it gets a warning at the start of a check', async () => {
    await put(byDsa, 1, OTHER_DIGEST);
    const args = ['--keys', rsaFile, '--keys', dsaFile];
    const without = await check(args, env.PATH);
    const [line = '', ...rest] = without.stderr.split('\n');
    assert.ok(
      line.startsWith(
        `lookaside: warning: only gpgv can judge signatures by ${dsa.fingerprint}, and it is not`,
      ),
      line,
    );
    assert.match(line, /Install gpgv/);
    assert.deepEqual(rest, ['']);
    assert.match(without.stdout, /: cannot-verify: /);
    assert.equal(without.code, 1);
    const withIt = await check(args);
    assert.equal(withIt.stderr, '');
    assert.equal(withIt.code, 0);
  });

  it('a key that needs it gets a warning in the log of a server, which serves the rest', async () => {
    const [good, unknown] = [await put(plain), await put(byDsa, 1, OTHER_DIGEST)];
    const args = ['--keys', rsaFile, '--keys', dsaFile];
    const server = await servers.start(at('sigs'), args, { env });
    await server.waitForLine(
      new RegExp(`"level":"warn".*only gpgv can judge signatures by ${dsa.fingerprint}`),
    );
    assert.equal((await lookUp(server, good)).status, 200);
    assert.equal((await lookUp(server, unknown)).status, 404);
  });

  it('generate keeps what is published until it can be judged again', async () => {
    await put(plain);
    await put(byDsa, 1, OTHER_DIGEST);
    const args = ['generate', at('sigs'), '--keys', rsaFile, '--keys', dsaFile, '--out', at('out')];
    const published = async (): Promise<readonly string[]> => {
      const all = await readdir(at('out', 'current'), { recursive: true });
      return all.filter((name) => name.includes('signature-')).toSorted();
    };
    // The first time there is nothing to lose.
    const first = await runLookaside(args, { env });
    assert.equal(first.code, 0, first.stderr);
    assert.equal((await published()).length, 1);
    assert.equal((await runLookaside(args)).code, 0);
    const both = await published();
    assert.equal(both.length, 2);
    await put(sha1, 2);
    const { code, stdout, stderr } = await runLookaside(args, { env });
    assert.deepEqual([code, stdout], [1, '']);
    const place = `team/app@${OTHER_DIGEST.replace(':', '=')}`;
    assert.ok(
      stderr.endsWith(
        `lookaside: nothing was written: while they cannot be verified, published signatures would be lost: ${place}\n` +
          'hint: Install gpgv (Debian: gpgv, RHEL: gnupg2), which judges it as nodes do.\n',
      ),
      stderr,
    );
    assert.deepEqual(await published(), both);
    assert.equal((await runLookaside(args)).code, 0);
    assert.equal((await published()).length, 3);
  });

  it('a check of a git repository works too', async () => {
    const empty = at('none.git');
    const { stderr } = await runLookaside(['check', empty], { env });
    assert.match(stderr, /^lookaside: git ls-remote failed: /);
  });

  it('show tells the same', async () => {
    await writeFile(at('sig'), sha1);
    const args = ['show', at('sig'), '--keys', rsaFile];
    const without = await runLookaside(args, { env });
    assert.match(
      without.stdout,
      /^verdict: {4}rejected: cannot-verify: .*\nhint: {7}Install gpgv/m,
    );
    assert.match((await runLookaside(args)).stdout, /^verdict: {4}accepted: /m);
  });
});
