import assert from 'node:assert/strict';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointFile } from '../../../../generator/store/checkpoint/checkpoint-file.ts';
import { useTemporary } from '../../../kit/temporary.ts';

const BLOCK = Buffer.alloc(1000, 1);
const LONG = 60_000;

const unexpected = (error: unknown): void => assert.fail(String(error));

/** So many blocks that none of them is the last for a while. */
function* endless(): Generator<Buffer> {
  for (;;) yield BLOCK;
}

describe('generator: the file of a checkpoint', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.checkpoint');

  it('writes one after the other', async () => {
    const file = new CheckpointFile(path(), unexpected);
    for (const count of [1, 3, 2]) {
      assert.equal(file.isFree, true);
      const written = file.write(Array.from({ length: count }, () => BLOCK));
      assert.equal(file.isFree, false);
      await written;
      const { size } = await stat(path());
      assert.equal(size, count * (BLOCK.length + 8) + 8);
    }
  });

  it('lets at the end what is being written come to its end', async () => {
    const file = new CheckpointFile(path(), unexpected);
    void file.write(Array.from({ length: 100 }, () => BLOCK));
    file.closeIn(LONG);
    await file.close();
    assert.deepEqual(await readdir(directory()), ['x.checkpoint']);
    assert.equal(file.isFree, false);
  });

  it('breaks off at the end what takes too long, and reports no error', async () => {
    const file = new CheckpointFile(path(), unexpected);
    const written = file.write(endless());
    file.closeIn(1);
    await written;
    assert.deepEqual(await readdir(directory()), []);
    await file.close();
  });

  it('breaks off what is being written where nothing is to be waited for', async () => {
    const file = new CheckpointFile(path(), unexpected);
    void file.write(endless());
    await file.close();
    assert.deepEqual(await readdir(directory()), []);
  });

  it('says why it fails, and tries no more', async () => {
    const errors: unknown[] = [];
    await mkdir(join(path(), 'x'), { recursive: true });
    const file = new CheckpointFile(path(), (error) => errors.push(error));
    await file.write([BLOCK]);
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]), /EISDIR|ENOTEMPTY/);
    assert.equal(file.isFree, false);
    await file.close();
  });
});
