import assert from 'node:assert/strict';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createImageWriter } from '../../../../generator/store/checkpoint/image-writer.ts';
import { useTemporary } from '../../../e2e/temporary.ts';

const BLOCK = Buffer.alloc(1000, 1);
const LONG = 60_000;

const unexpected = (error: unknown): void => assert.fail(String(error));

/** So many blocks that none of them is the last for a while. */
function* endless(): Generator<Buffer> {
  for (;;) yield BLOCK;
}

describe('generator: the writer of images', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.image');

  it('writes one after the other', async () => {
    const writer = createImageWriter(path(), unexpected);
    for (const count of [1, 3, 2]) {
      assert.equal(writer.isFree(), true);
      const written = writer.write(Array.from({ length: count }, () => BLOCK));
      assert.equal(writer.isFree(), false);
      await written;
      const { size } = await stat(path());
      assert.equal(size, count * (BLOCK.length + 8) + 8);
    }
  });

  it('waits at the end for what is being written', async () => {
    const writer = createImageWriter(path(), unexpected);
    void writer.write([BLOCK]);
    await writer.close(LONG);
    assert.deepEqual(await readdir(directory()), ['x.image']);
    assert.equal(writer.isFree(), false);
  });

  it('breaks off at the end what takes too long, without a word', async () => {
    const writer = createImageWriter(path(), unexpected);
    void writer.write(endless());
    await writer.close(1);
    assert.deepEqual(await readdir(directory()), []);
    await writer.close(0);
  });

  it('says why it fails, and tries no more', async () => {
    const errors: unknown[] = [];
    await mkdir(join(path(), 'x'), { recursive: true });
    const writer = createImageWriter(path(), (error) => errors.push(error));
    await writer.write([BLOCK]);
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]), /EISDIR|ENOTEMPTY/);
    assert.equal(writer.isFree(), false);
    await writer.close(0);
  });
});
