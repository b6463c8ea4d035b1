import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '../../../generator/system/make-directories.ts';
import { useTemporary } from '../../kit/temporary.ts';

describe('directories at a path of a user', () => {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);

  it('are made with their parents, with the mode that is wanted', async () => {
    assert.equal(await makeDirectories(at('a', 'b', 'c'), 0o700), at('a'));
    for (const path of [at('a'), at('a', 'b', 'c')]) {
      assert.equal((await stat(path)).mode & 0o777, 0o700);
    }
    assert.equal(await makeDirectories(at('a', 'b', 'd')), at('a', 'b', 'd'));
  });

  it('stay as they are where they are there, also behind a link', async () => {
    await mkdir(at('real'));
    await symlink('real', at('link'));
    for (const path of [at('real'), at('link'), '/', '.']) {
      assert.equal(await makeDirectories(path), undefined);
    }
  });

  it('are not made where something else is', async () => {
    await writeFile(at('file'), '');
    await symlink('nowhere', at('dangling'));
    await assert.rejects(makeDirectories(at('file')), { code: 'EEXIST' });
    await assert.rejects(makeDirectories(at('file', 'a')), { code: 'ENOTDIR' });
    await assert.rejects(makeDirectories(at('dangling')), { code: 'EEXIST' });
  });

  it('fail at once where the system lets nobody make any', async () => {
    // Linux has no place for it; others have no `/proc`, and a root that is read-only or not the user's.
    const code = /^(?:ENOENT|EROFS|EACCES|EPERM)$/;
    await assert.rejects(makeDirectories('/proc/lookaside/a'), { code });
  });
});
