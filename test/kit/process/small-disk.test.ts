import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';
import { useTemporary } from '../temporary.ts';
import { SmallDisk } from './small-disk.ts';

const MiB = 1024 * 1024;

describe('the kit: a small disk', () => {
  const directory = useTemporary();

  it('is full, and empty again, for who is started on it alone', async () => {
    const disk = await SmallDisk.mount(directory(), 4 * MiB);
    // Only who may mount has one.
    if (disk === undefined) return;
    const write = async (): Promise<number | null> => {
      const [command = '', ...words] = disk.wrapper;
      const copy = ['dd', 'if=/dev/zero', 'count=100', `of=${join(disk.path, 'file')}`];
      return (await run(command, [...words, ...copy])).code;
    };
    try {
      assert.equal(await write(), 0);
      await disk.fill();
      assert.equal(await disk.free(), 0);
      await assert.rejects(writeFile(join(disk.outside, 'other'), 'x'.repeat(8192)), {
        code: 'ENOSPC',
      });
      await disk.empty();
      assert.equal(await write(), 0);
      await writeFile(join(directory(), 'file'), 'outside');
    } finally {
      await disk.unmount();
    }
  });
});
