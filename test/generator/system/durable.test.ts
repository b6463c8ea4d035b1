import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  replaceBytes,
  replaceFile,
  replaceUnsynced,
  writeNew,
} from '../../../generator/system/durable.ts';
import { startBackground } from '../../kit/process/background.ts';
import { builtModule } from '../../kit/process/built-module.ts';
import { run } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';

const MODULE = builtModule('generator/system/durable');
const SIZE = 1_000_000;
const ROOM_OF_ONE_BLOCK = 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"';

const script = (repeat: string): string => `
  const { replaceBytes } = await import(${JSON.stringify(MODULE)});
  for (let fill = 'a'; ; fill = fill === 'a' ? 'b' : 'a') {
    await replaceBytes(process.argv[1], fill.repeat(${SIZE}));
    console.log('written');
    ${repeat}
  }`;

describe('a file that has to outlast what happens', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'file');
  const names = async () => (await readdir(directory())).toSorted();
  const node = (repeat: string) => ['--input-type=module', '-e', script(repeat), path()];

  it('is replaced by what was written, for its owner alone', async () => {
    await writeFile(path(), 'old');
    await replaceBytes(path(), 'new');
    assert.equal(await readFile(path(), 'utf8'), 'new');
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.deepEqual(await names(), ['file']);
  });

  it('stays as it is when what writes says no, or fails', async () => {
    await writeFile(path(), 'old');
    const half = async (answer: () => boolean): Promise<boolean> =>
      replaceFile(path(), async (file) => {
        await file.writeFile('half');
        return answer();
      });
    assert.equal(await half(() => false), false);
    await assert.rejects(
      half(() => assert.fail('broken')),
      /broken/,
    );
    assert.equal(await readFile(path(), 'utf8'), 'old');
    assert.deepEqual(await names(), ['file']);
  });

  it('is replaced the same way where nobody waits for the disk', async () => {
    const other = join(directory(), 'other');
    await writeFile(other, 'other');
    await symlink(other, `${path()}.new`);
    await replaceUnsynced(path(), 'new');
    assert.equal(await readFile(path(), 'utf8'), 'new');
    assert.equal(await readFile(other, 'utf8'), 'other');
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.deepEqual(await names(), ['file', 'other']);
  });

  it('leaves nothing beside it where that fails', async () => {
    await mkdir(path());
    await assert.rejects(replaceUnsynced(path(), 'new'), { code: 'EISDIR' });
    assert.deepEqual(await names(), ['file']);
  });

  it('is not written through a link, under either name', async () => {
    const other = join(directory(), 'other');
    await writeFile(other, 'kept');
    await symlink(other, path());
    await symlink(other, `${path()}.new`);
    await replaceBytes(path(), 'new');
    assert.equal(await readFile(other, 'utf8'), 'kept');
    assert.ok((await stat(path())).isFile());
    assert.equal(await readFile(path(), 'utf8'), 'new');
  });

  it('is not put in place of a directory, and leaves nothing beside it', async () => {
    await mkdir(path());
    await assert.rejects(replaceBytes(path(), 'new'));
    assert.deepEqual(await names(), ['file']);
  });

  it('has its whole mode, and is not put in place of another', async () => {
    const before = process.umask(0o077);
    try {
      await writeNew(path(), 0o644, async () => true);
    } finally {
      process.umask(before);
    }
    assert.equal((await stat(path())).mode & 0o777, 0o644);
    await assert.rejects(
      writeNew(path(), 0o644, async () => true),
      { code: 'EEXIST' },
    );
    assert.deepEqual(await names(), ['file']);
  });

  it('is whole after a kill at any moment', async () => {
    await writeFile(path(), 'a'.repeat(SIZE));
    for (const delay of [0, 3, 7, 13]) {
      const child = await startBackground(process.execPath, node(''));
      await child.waitForLine(/written/);
      await sleep(delay);
      child.signal('SIGKILL');
      await child.ended();
      const text = await readFile(path(), 'utf8');
      assert.ok(text === 'a'.repeat(SIZE) || text === 'b'.repeat(SIZE));
    }
    await replaceBytes(path(), 'new');
    assert.deepEqual(await names(), ['file']);
  });

  it('is what it was when there is no room for another', async () => {
    await writeFile(path(), 'old');
    const args = ['-c', ROOM_OF_ONE_BLOCK, process.execPath, ...node('break;')];
    const { code, stderr } = await run('sh', args);
    assert.notEqual(code, 0);
    assert.match(stderr, /EFBIG/);
    assert.equal(await readFile(path(), 'utf8'), 'old');
    assert.deepEqual(await names(), ['file']);
  });
});
