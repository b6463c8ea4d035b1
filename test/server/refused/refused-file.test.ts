import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MAX_REPOSITORY_LENGTH } from '../../../server/refused/refused-pull.ts';
import { RefusedPulls } from '../../../server/refused/refused-pulls.ts';
import { asNobody } from '../../kit/process/as-nobody.ts';
import { startBackground } from '../../kit/process/background.ts';
import { eventually } from '../../kit/eventually.ts';
import { run } from '../../kit/process/run.ts';
import { directoryOf, firstLocation } from './paths.ts';
import { APP, pullsOf, useRefusedFile } from './use-refused-file.ts';

const KEEP_PULLS = fileURLToPath(new URL('keep-pulls.mjs', import.meta.url));
const ROOM_OF_ONE_BLOCK = 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"';

describe('server: file of refused pulls', () => {
  const { directory, path, unreadable, unwritable, file, write, writeTwo } = useRefusedFile();

  it('gives what was kept, and nothing where there is none', async () => {
    assert.equal(await file().read(), undefined);
    const pulls = pullsOf(directoryOf(APP, 1), directoryOf('other', 2), directoryOf(APP, 3));
    pulls.settle((one) => one === directoryOf(APP, 1), 'c0ffee');
    await write(pulls, directoryOf(APP, 3));
    const saved = await file().read();
    assert.deepEqual(saved, pulls.save());
    const again = new RefusedPulls({ isKnown: () => false, now: () => 1000, saved });
    assert.deepEqual(again.list(), pulls.list());
    assert.deepEqual(again.resolved(), pulls.resolved());
    assert.deepEqual([unreadable, unwritable], [[], []]);
  });

  it('gives what the longest names of all pulls need', async () => {
    const pulls = new RefusedPulls({ isKnown: (name) => name.startsWith('知') });
    for (let index = 0; index < 6000; index++) {
      const start = index < 4500 ? '知' : '未';
      const name = `${start}${index % 20}${`${'名'.repeat(80)}/`.repeat(5)}${'名'.repeat(60)}`;
      assert(name.length < MAX_REPOSITORY_LENGTH);
      for (let client = 0; client < 8; client++) {
        pulls.record(firstLocation(directoryOf(name, index)), `${client}`.padEnd(64, ':'));
      }
    }
    await write(pulls, directoryOf(APP, 1));
    assert.deepEqual(await file().read(), pulls.save());
    assert.deepEqual(unreadable, []);
  });

  it('is for its owner alone, and has nothing beside it', async () => {
    await writeFile(`${path()}.new`, 'half of wha', { mode: 0o644 });
    await writeTwo();
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(directory()), ['x.refused']);
  });

  it('is written from time to time, and only when something has changed', async () => {
    const pulls = pullsOf(directoryOf(APP, 1));
    const stop = file(5).keep(pulls);
    await sleep(50);
    assert.deepEqual(await readdir(directory()), []);
    pulls.record(firstLocation(directoryOf(APP, 1)), '10.0.0.2');
    await eventually(async () => assert.deepEqual(await file().read(), pulls.save()));
    const { ino } = await stat(path());
    await sleep(50);
    assert.equal((await stat(path())).ino, ino);
    await Promise.all([stop(), stop()]);
    pulls.record(firstLocation(directoryOf(APP, 1)), '10.0.0.3');
    await sleep(50);
    assert.equal((await stat(path())).ino, ino);
  });

  it('has at the end what changed during a write', async () => {
    const pulls = pullsOf(directoryOf(APP, 1));
    const stop = file(1).keep(pulls);
    for (let index = 2; index < 200; index++) {
      pulls.record(firstLocation(directoryOf(APP, index)), '10.0.0.1');
      if (index % 20 === 0) await sleep(1);
    }
    await stop();
    assert.deepEqual(await file().read(), pulls.save());
    assert.deepEqual(await readdir(directory()), ['x.refused']);
  });

  it('that cannot be written is told of once, until it works again', async () => {
    const pulls = pullsOf();
    const stop = file(2).keep(pulls);
    const change = () => pulls.record(firstLocation(directoryOf(APP, 1)), '10.0.0.1');
    const isTold = async (count: number) => {
      for (let time = 0; time < 3; time++) {
        change();
        await eventually(() => assert.equal(unwritable.length, count));
        await sleep(20);
      }
      assert.equal(unwritable.length, count, unwritable.join());
    };
    const away = `${directory()}.away`;
    await rename(directory(), away);
    await isTold(1);
    assert.match(unwritable[0] ?? '', /ENOENT/);
    await mkdir(join(away, 'x.refused'));
    await rename(away, directory());
    await isTold(2);
    assert.match(unwritable[1] ?? '', /EISDIR/);
    await rm(path(), { recursive: true });
    await eventually(async () => assert.deepEqual(await file().read(), pulls.save()));
    await stop();
    assert.deepEqual(await readdir(directory()), ['x.refused']);
    assert.equal(unwritable.length, 2);
  });

  it('that cannot be written again is told of again', async () => {
    const pulls = pullsOf();
    const stop = file(2).keep(pulls);
    for (const count of [1, 2]) {
      await mkdir(`${path()}.new`);
      pulls.record(firstLocation(directoryOf(APP, 1)), '10.0.0.1');
      await eventually(() => assert.equal(unwritable.length, count));
      await rm(`${path()}.new`, { recursive: true });
      await eventually(async () => assert.deepEqual(await file().read(), pulls.save()));
      await eventually(async () => assert.deepEqual(await readdir(directory()), ['x.refused']));
    }
    await stop();
    assert.equal(unwritable.length, 2);
  });

  it('stays as it was in a directory that nobody may write into', async () => {
    const before = await writeTwo();
    await chmod(directory(), 0o555);
    await asNobody(async () => write(pullsOf(), directoryOf(APP, 5)));
    assert.match(unwritable.join(), /EACCES/);
    assert.equal(unwritable.length, 1);
    assert.equal(await readFile(path(), 'utf8'), before);
  });

  it('stays as it was on a full disk', async () => {
    const node = [KEEP_PULLS, path()];
    await run(process.execPath, [...node, '1']);
    const before = await readFile(path(), 'utf8');
    const args = ['-c', ROOM_OF_ONE_BLOCK, process.execPath, ...node, '200'];
    const { stdout, code } = await run('sh', args);
    assert.match(stdout, /^read 1\nunwritable: .*EFBIG.*\nstopped\n$/);
    assert.equal(code, 0);
    assert.equal(await readFile(path(), 'utf8'), before);
    assert.deepEqual(await readdir(directory()), ['x.refused']);
  });

  it('is whole, whenever a process is killed that writes it', async () => {
    let count = 0;
    for (let kill = 0; kill < 6; kill++) {
      const node = [KEEP_PULLS, path()];
      const child = await startBackground(process.execPath, node);
      await child.waitForLine(new RegExp(`^read ${count}$`));
      const { ino } = await stat(path()).catch(() => ({ ino: 0 }));
      await eventually(async () => assert.notEqual((await stat(path())).ino, ino));
      await sleep(Math.random() * 100);
      assert.equal(await child.stop('SIGKILL'), null);
      const saved = await file().read();
      assert.deepEqual(unreadable, []);
      count = new RefusedPulls({ isKnown: () => false, saved }).count();
      assert(count > 0);
    }
  });
});
