import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { makePublisher, type Publisher } from '../../kit/signer/publisher.ts';
import type { RunResult } from '../../kit/process/run.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describeWith(['gpg'], 'lookaside check --strict', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());

  const put = async (number: number, bytes: Uint8Array): Promise<string> =>
    writeSignature(directory(), { repository: 'team/app', digest: DIGEST, number }, bytes);
  const sign = async (): Promise<Buffer> => (await publisher.sign({ digest: DIGEST })).bytes;
  const check = async (...args: string[]): Promise<RunResult> =>
    runLookaside(['check', directory(), ...args], { env: { LOOKASIDE_STRICT: undefined } });
  const keys = (): string[] => ['--keys', publisher.keyFile];

  it('ends with 0 without faults or warnings', async () => {
    await put(1, await sign());
    await writeFile(join(directory(), 'README.md'), 'x');
    const { code, stdout } = await check('--strict', ...keys());
    assert.equal(stdout, 'good: 2 files: 1 accepted, 0 rejected, 1 ignored\n');
    assert.equal(code, 0);
  });

  it('ends with 1 for warnings, which end with 0 otherwise', async () => {
    await put(3, await sign());
    const lenient = await check(...keys());
    assert.match(lenient.stdout, /: renumbered: served as number 1: .*\ngood: 1 files: 1 accepted/);
    assert.equal(lenient.code, 0);
    const strict = await check('--strict', ...keys());
    assert.match(strict.stdout, /: renumbered: served as number 1: .*\nfaults: 1 files: 1 accep/);
    assert.equal(strict.code, 1);
  });

  it('ends with 1 without keys, which ends with 0 otherwise', async () => {
    await put(1, await sign());
    const lenient = await check();
    assert.match(
      lenient.stdout,
      /^warning: no keys were given.*\ngood: 1 files: 0 accepted, 1 unv/,
    );
    assert.equal(lenient.code, 0);
    const strict = await check('--strict');
    assert.match(strict.stdout, /^warning: no keys were given.*\nfaults: 1 files: 0 accepted, 1 u/);
    assert.equal(strict.code, 1);
  });

  it('ends with 1 for what expires soon, within the time that is told', async () => {
    const { signer } = publisher;
    const key = await signer.makeKey({ algorithm: 'ed25519', expires: '20d' });
    const keyFile = await signer.exportKeys(join(signer.home, 'expiring.asc'), key);
    const { bytes } = await publisher.sign({ digest: DIGEST, key });
    await put(1, bytes);
    for (const [args, code] of [
      [[], 1],
      [['--expiry-warning', '19d'], 0],
      [['--expiry-warning', '21d'], 1],
      [['--expiry-warning', '0s'], 0],
    ] as const) {
      const result = await check('--strict', '--keys', keyFile, ...args);
      assert.equal(result.code, code, `${args.join(' ')}: ${result.stdout}`);
      assert.equal(/: expires-soon: good until /.test(result.stdout), code === 1);
    }
  });

  it('ends with 1 for faults, as ever', async () => {
    await put(1, Buffer.alloc(0));
    assert.equal((await check(...keys())).code, 1);
    assert.equal((await check('--strict', ...keys())).code, 1);
    await rm(join(directory(), 'team'), { recursive: true });
    assert.equal((await check('--strict', ...keys())).code, 1);
  });

  it('can be told by the environment and by the configuration file', async () => {
    await put(2, await sign());
    const args = ['check', directory(), ...keys()];
    const env = { LOOKASIDE_STRICT: 'true' };
    assert.equal((await runLookaside(args, { env })).code, 1);
    const config = join(publisher.signer.home, 'lookaside.yaml');
    await writeFile(config, 'strict: true\n');
    assert.equal((await check('--config', config, ...keys())).code, 1);
  });
});
