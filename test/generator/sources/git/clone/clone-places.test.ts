import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  recoverClone,
  replaceClone,
  setCloneAside,
} from '../../../../../generator/sources/git/clone/clone-places.ts';
import { startBackground } from '../../../../kit/process/background.ts';
import { builtModule } from '../../../../kit/process/built-module.ts';
import { useTemporary } from '../../../../kit/temporary.ts';

/** What lies where: by the ends of names, the content of the clone. */
type Places = Readonly<Record<string, string>>;

describe('the places of clones', () => {
  const directory = useTemporary();
  const clone = (end = ''): string => join(directory(), `clone.git${end}`);
  const put = async (places: Places): Promise<void> => {
    for (const [end, content] of Object.entries(places)) {
      await mkdir(clone(end === 'clone' ? '' : `.${end}`));
      await writeFile(join(clone(end === 'clone' ? '' : `.${end}`), 'content'), content);
    }
  };
  const look = async (): Promise<Places> => {
    const places: Record<string, string> = {};
    for (const name of await readdir(directory())) {
      const end = name === 'clone.git' ? 'clone' : name.slice('clone.git.'.length);
      places[end] = await readFile(join(directory(), name, 'content'), 'utf8');
    }
    return places;
  };

  // Every state that a kill can leave, and what a start makes of it.
  const KILLED: Readonly<Record<string, readonly [left: Places, found: Places]>> = {
    'before there was one': [{}, {}],
    'while a new one was made': [{ clone: 'a', new: 'half' }, { clone: 'a' }],
    'once that was whole': [
      { clone: 'a', whole: 'b' },
      { clone: 'b', old: 'a' },
    ],
    'between the two': [
      { old: 'a', whole: 'b' },
      { clone: 'b', old: 'a' },
    ],
    'before it was published': [
      { clone: 'b', old: 'a' },
      { clone: 'b', old: 'a' },
    ],
    'once a second one was whole': [
      { clone: 'b', old: 'a', whole: 'c' },
      { clone: 'c', old: 'a' },
    ],
    'between the second and the third': [
      { gone: 'b', old: 'a', whole: 'c' },
      { clone: 'c', old: 'a' },
    ],
    'while the second was removed': [
      { clone: 'c', old: 'a', gone: 'half' },
      { clone: 'c', old: 'a' },
    ],
    'before there was another in the place of the one set aside': [{ old: 'a' }, { clone: 'a' }],
  };
  for (const [when, [left, found]] of Object.entries(KILLED)) {
    it(`are recovered after a kill ${when}`, async () => {
      await put(left);
      await recoverClone(clone());
      assert.deepEqual(await look(), found);
      await recoverClone(clone());
      assert.deepEqual(await look(), found);
    });
  }

  it('keep what was replaced, and the first of several', async () => {
    await put({ clone: 'a', new: 'b' });
    await replaceClone(clone());
    assert.deepEqual(await look(), { clone: 'b', old: 'a' });
    await put({ new: 'c' });
    await replaceClone(clone());
    assert.deepEqual(await look(), { clone: 'c', old: 'a' });
    await setCloneAside(clone());
    assert.deepEqual(await look(), { old: 'a' });
  });

  it('are links that are never followed', async () => {
    const other = join(directory(), '..', `${directory().slice(-8)}-other`);
    await mkdir(other);
    await writeFile(join(other, 'content'), 'mine');
    await put({ clone: 'a' });
    for (const end of ['.new', '.gone']) await symlink(other, clone(end));
    await recoverClone(clone());
    assert.equal(await readFile(join(other, 'content'), 'utf8'), 'mine');
    assert.deepEqual(await look(), { clone: 'a' });
    await rm(other, { recursive: true });
  });

  it('hold a whole clone after a kill at any moment', async () => {
    const module = builtModule('generator/sources/git/clone/clone-places');
    const script = `
      const { recoverClone, replaceClone } = await import(${JSON.stringify(module)});
      const { cp, rm } = await import('node:fs/promises');
      const clone = process.argv[1];
      await recoverClone(clone);
      for (;;) {
        await cp(clone, clone + '.new', { recursive: true });
        await replaceClone(clone);
        console.log('replaced');
      }`;
    await put({ clone: 'whole' });
    const args = ['--input-type=module', '-e', script, clone()];
    for (const delay of [0, 2, 5, 9]) {
      const child = await startBackground(process.execPath, args);
      await child.waitForLine(/replaced/);
      await sleep(delay);
      child.signal('SIGKILL');
      await child.ended();
      await recoverClone(clone());
      assert.equal((await look())['clone'], 'whole');
    }
  });
});
