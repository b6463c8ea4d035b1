import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeScratchDirectory } from '../../../generator/system/scratch-directory.ts';
import { useTemporary } from '../../kit/temporary.ts';

const MODULE = new URL('../../../dist/generator/system/scratch-directory.js', import.meta.url);

describe('a scratch directory', () => {
  const base = useTemporary();
  const at = (name: string): string => join(base(), name);
  /** Leaves one behind, as a process does that is killed; gives its name. */
  const leave = async (): Promise<string> => {
    const script = `import { makeScratchDirectory } from '${MODULE.href}';
      await makeScratchDirectory('${base()}', 'gpgv');
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script]);
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    const left = await readdir(base());
    assert.equal(left.length, 1);
    await writeFile(at(`${left[0]}/0.gpg`), 'keys');
    return left[0] ?? assert.fail();
  };
  const make = async (): Promise<string> => basename(await makeScratchDirectory(base(), 'gpgv'));

  it('of a process that was killed goes with the next', async () => {
    await leave();
    const made = await make();
    assert.deepEqual(await readdir(base()), [made]);
  });

  it('of a process that runs stays', async () => {
    const both = [await make(), await make()];
    assert.deepEqual(new Set(await readdir(base())), new Set(both));
  });

  const OTHERS: Readonly<Record<string, (left: string) => Promise<string>>> = {
    'whose name is not ours': async (left) => `${left}.kept`,
    'of a container beside this one': async (left) => left.replace(/-[0-9]+(-\w{6})$/, '-12345$1'),
    'that is a file': async (left) => {
      await rm(at(left), { recursive: true });
      await writeFile(at(left), '');
      return left;
    },
    'that is a link': async (left) => {
      await rename(at(left), at('elsewhere'));
      await symlink('elsewhere', at(left));
      return left;
    },
  };
  for (const [what, change] of Object.entries(OTHERS)) {
    it(`${what} is left alone`, async () => {
      const left = await leave();
      const changed = await change(left);
      if (changed !== left) await rename(at(left), at(changed));
      const before = await readdir(base(), { recursive: true });
      const made = await make();
      const after = await readdir(base(), { recursive: true });
      assert.deepEqual(new Set(after), new Set([...before, made]));
    });
  }

  // Nobody else can give a directory away.
  if (process.geteuid?.() === 0) {
    it('of another user is left alone', async () => {
      const left = await leave();
      await chown(at(left), 54_321, 54_321);
      await make();
      assert.ok((await readdir(base())).includes(left));
    });
  }

  it('of an earlier process with the same number goes', async () => {
    const left = await leave();
    const mine = await make();
    const [, pid] = /^lookaside-gpgv-([0-9]+)-/.exec(mine) ?? [];
    const reused = mine.replace(`-${pid}-`, `-${pid}-1`);
    await mkdir(at(reused));
    await make();
    const names = await readdir(base());
    assert.ok(!names.includes(reused) && !names.includes(left) && names.includes(mine));
  });
});
