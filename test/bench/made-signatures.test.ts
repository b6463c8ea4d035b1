// What the bench measures on is real: signatures that the program and gpgv find good.
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { imageAt } from '../../scripts/bench/data/images.ts';
import { BRANCH } from '../../scripts/bench/data/open-data.ts';
import { fastImport } from '../../scripts/bench/data/fast-import.ts';
import { git } from '../../scripts/bench/data/git.ts';
import { signImage } from '../../scripts/bench/data/sign-image.ts';
import { formatBlock, parseBlock } from '../../scripts/bench/data/signature-blocks.ts';
import { type BenchKey, openSigningKey } from '../../scripts/bench/data/signing-key.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { run } from '../kit/process/run.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { useTemporary } from '../kit/temporary.ts';
import { TAG, parsePackets } from '../fuzz/packet.ts';
import { describeWith, toolPath } from '../with-tools.ts';

const COUNT = 5;

describe('the signatures that the bench makes', () => {
  const directory = useTemporary('suite');
  let key: BenchKey;
  let keyFile: string;
  let messages: readonly Buffer[];
  before(async () => {
    key = await openSigningKey(directory());
    keyFile = join(directory(), 'key.gpg');
    await writeFile(keyFile, key.public.publicKey);
    const indexes = Array.from({ length: COUNT }, (_, index) => index * 777);
    const signed = await Promise.all(indexes.map(async (index) => signImage(key, imageAt(index))));
    messages = signed.map(({ message }) => message);
    for (const [at, index] of indexes.entries()) {
      const [repository = '', hex = ''] = imageAt(index).location.split('@sha256=');
      const digest = `sha256:${hex.split('/')[0] ?? ''}`;
      assert.equal(digest, imageAt(index).digest);
      const place = { repository, digest, number: 1 };
      await writeSignature(join(directory(), 'tree'), place, messages[at] ?? Buffer.alloc(0));
    }
  });

  it('are accepted by the program, every one', async () => {
    const args = ['check', join(directory(), 'tree'), '--keys', keyFile, '--format', 'json'];
    const { code, stdout } = await runLookaside(args);
    assert.equal(code, 0);
    const { summary } = JSON.parse(stdout) as { summary: Record<string, number> };
    assert.deepEqual(summary, { accepted: COUNT, unverified: 0, rejected: 0, ignored: 0 });
  });

  it('are refused once a byte of them is another', async () => {
    const [message = Buffer.alloc(0)] = messages;
    const damaged = Buffer.from(message);
    damaged[damaged.length - 60] = (damaged.at(-60) ?? 0) ^ 1;
    const place = { repository: 'team-0/app-0', digest: imageAt(0).digest, number: 1 };
    const tree = join(directory(), 'damaged');
    await writeSignature(tree, place, damaged);
    assert.equal((await runLookaside(['check', tree, '--keys', keyFile])).code, 1);
  });

  it('have the form that skopeo gives them', async () => {
    const example = 'signatures/team';
    const [name = ''] = (await readdir(example)).toSorted();
    const real = await readFile(join(example, name, 'signature-1'));
    for (const message of messages) assert.deepEqual(formOf(message), formOf(real));
  });

  it('are all different', () => {
    assert.equal(new Set(messages.map((message) => message.toString('hex'))).size, COUNT);
  });

  it('come back from a block as they went in', () => {
    assert.deepEqual(parseBlock(formatBlock(messages)), messages);
  });

  it('are made with the key that is kept', async () => {
    const again = await openSigningKey(directory());
    assert.deepEqual(again.public.fingerprint, key.public.fingerprint);
  });

  it('lie in git as they were given', async () => {
    const repository = join(directory(), 'some.git');
    await git(['init', '--quiet', '--bare', '--initial-branch=main', repository]);
    const files = messages.map((bytes, index) => ({ path: imageAt(index).location, bytes }));
    const message = 'Add signatures';
    const [commit] = await fastImport(repository, [{ ref: BRANCH, message, files }]);
    assert.equal(await git(['rev-parse', BRANCH], { cwd: repository }), commit);
    for (const { path, bytes } of files) {
      const size = await git(['cat-file', '-s', `${BRANCH}:${path}`], { cwd: repository });
      assert.equal(Number(size), bytes.length);
    }
  });

  describeWith(['gpgv'], 'asked of gpgv', () => {
    it('are good', async () => {
      const file = join(directory(), 'signature');
      for (const message of messages) {
        await writeFile(file, message);
        const result = await run(toolPath('gpgv'), ['--keyring', keyFile, file]);
        assert.equal(result.code, 0, result.stderr);
        assert.match(result.stderr, /Good signature/);
      }
    });
  });
});

/** Packets and how their lengths are written, those within the compressed one too. */
function formOf(bytes: Buffer): readonly unknown[] | undefined {
  return parsePackets(bytes)?.map(({ tag, framing, body }) =>
    tag === TAG.compressed
      ? [tag, framing, body[0], formOf(inflateRawSync(body.subarray(1)))]
      : [tag, framing],
  );
}
