import assert from 'node:assert/strict';
import { readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory } from '../../../generator/system/directory-lock.ts';
import { type Background, startBackground } from '../../kit/process/background.ts';
import { builtModule } from '../../kit/process/built-module.ts';
import { useTemporary } from '../../kit/temporary.ts';

const MODULE = builtModule('generator/system/directory-lock');

/** Says what becomes of a lock that it asks for, and holds it until it is killed. */
const HOLDER = `
  const { lockDirectory } = await import(${JSON.stringify(MODULE)});
  process.stdin.resume();
  console.log('ready');
  const at = Number(process.argv[2] ?? 0);
  while (Date.now() < at);
  await lockDirectory(process.argv[1]).then(
    () => console.log('locked'),
    (error) => console.log('refused ' + error.name + ': ' + error.message),
  );
  setInterval(() => {}, 1000);`;

describe('a locked directory', () => {
  const directory = useTemporary();
  const processes: Background[] = [];
  const start = async (...args: string[]): Promise<Background> => {
    const words = ['--input-type=module', '-e', HOLDER, directory(), ...args];
    const holder = await startBackground(process.execPath, words);
    processes.push(holder);
    return holder;
  };
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.stop('SIGKILL')));
  });
  const inUse = { name: 'DirectoryInUseError', hint: 'give every process its own directory' };

  it('is locked once, and again when it was unlocked', async () => {
    const unlock = await lockDirectory(directory());
    await assert.rejects(lockDirectory(directory()), {
      ...inUse,
      message: `${directory()} is in use by another lookaside (process ${process.pid})`,
    });
    await unlock();
    assert.deepEqual(await readdir(directory()), []);
    await (
      await lockDirectory(directory())
    )();
  });

  it('is kept by another process while it runs, and free once it was killed', async () => {
    const holder = await start();
    await holder.waitForLine(/^locked$/);
    const pid = holder.pid;
    await assert.rejects(lockDirectory(directory()), {
      ...inUse,
      message: `${directory()} is in use by another lookaside (process ${pid})`,
    });
    await holder.stop('SIGKILL');
    await (
      await lockDirectory(directory())
    )();
  });

  it('is free when its holder has died and the number went to another process', async () => {
    const holder = await start();
    await holder.waitForLine(/^locked$/);
    await holder.stop('SIGKILL');
    // Our own number, as in a container in which everybody is process 1.
    await rm(join(directory(), '.lock'));
    await symlink(`${process.pid} 1`, join(directory(), '.lock'));
    await (
      await lockDirectory(directory())
    )();
  });

  for (const [what, content] of [
    ['an empty file', ''],
    ['garbage', '\0garbage ../../etc\n'],
    ['a name for no process', '4194305 1'],
  ] as const) {
    it(`is free when the lock is ${what}`, async () => {
      await writeFile(join(directory(), '.lock'), content);
      const unlock = await lockDirectory(directory());
      await assert.rejects(lockDirectory(directory()), inUse);
      await unlock();
    });
  }

  it('is given to one of many that ask within one process', async () => {
    for (let round = 0; round < 50; round++) {
      const asked = await Promise.allSettled(
        Array.from({ length: 8 }, () => lockDirectory(directory())),
      );
      const given = asked.filter((one) => one.status === 'fulfilled');
      assert.equal(given.length, 1);
      await given[0]?.value();
    }
  });

  for (const [what, prepare] of [
    ['a free lock', async () => undefined],
    ['the lock of a killed process', async () => symlink('4194305 1', join(directory(), '.lock'))],
  ] as const) {
    it(`gives ${what} to one of many processes`, async () => {
      await prepare();
      const at = String(Date.now() + 1200);
      const many = await Promise.all(Array.from({ length: 6 }, () => start(at)));
      const answers = await Promise.all(
        many.map(async (one) => (await one.waitForLine(/^(locked|refused .*)$/))[1] ?? ''),
      );
      assert.equal(answers.filter((answer) => answer === 'locked').length, 1, answers.join('\n'));
      const refused = answers.filter((answer) => answer !== 'locked');
      for (const answer of refused) assert.match(answer, /^refused DirectoryInUseError: .* in use/);
    });
  }

  it('fails with the reason where no lock can be made', async () => {
    await assert.rejects(lockDirectory(join(directory(), 'none')), { code: 'ENOENT' });
  });
});
