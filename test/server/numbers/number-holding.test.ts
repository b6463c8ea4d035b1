// What a cache may still hold together with what is new never lacks a signature that is in both states:
// a removed signature's place is filled, and the end is cut later, over restarts and new policies too.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { NumbersFile } from '../../../server/numbers/numbers-file.ts';
import { Refresher } from '../../../server/follow/refresher.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { DIRECTORY, at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { type MemorySource, createMemorySource } from '../../kit/server/memory-source.ts';
import { countFailures } from '../../kit/server/no-failures.ts';
import { signaturesAt } from '../../kit/samples/signatures-at.ts';
import { useTemporary } from '../../kit/temporary.ts';

const CACHED = 60_000;
const WINDOW = 2 * CACHED;
const START = 1_700_000_000_000;

describe('the numbers of a served store', () => {
  // Before the directory goes.
  afterEach(async () => refresher.stop());
  const directory = useTemporary();
  const path = () => join(directory(), 'x.numbers');
  let source: MemorySource;
  let refresher: Refresher;
  let [elapsed, commits] = [0, 0];
  let told: string[] = [];

  const stateOf = (texts: Readonly<Record<number, string>>) => ({
    commit: `${commits++}`.padStart(6, '0'),
    files: Object.fromEntries(
      Object.entries(texts).map(([number, text]) => [at(Number(number)), text]),
    ),
  });
  const start = async (texts: Readonly<Record<number, string>>): Promise<void> => {
    const state = stateOf(texts);
    source = createMemorySource(state);
    source.recalled = state;
    const [troubles, log] = [new Troubles(() => new Date()), captureLines()];
    refresher = new Refresher({
      source,
      judge: createFakeJudge(),
      onInvalid: 'quarantine',
      log: createProgramLog(log.stream),
      troubles,
      failures: countFailures(),
      now: () => new Date(START + elapsed),
      elapsed: () => elapsed,
      cachedFor: CACHED,
      tried: undefined,
      older: undefined,
      numbers: new NumbersFile({
        path: path(),
        onUnreadable: (error) => void told.push(`unreadable: ${String(error)}`),
        onUnwritable: (error) => void told.push(`unwritable: ${String(error)}`),
        onWritten: () => undefined,
      }),
      lookForGpgv: async () => undefined,
      hasGpgv: async () => true,
      onFirstLoad: () => undefined,
      onPublish: () => undefined,
      onRefresh: () => undefined,
    });
    refresher.start();
    await refresher.idle();
  };
  const push = async (texts: Readonly<Record<number, string>>): Promise<void> => {
    source.state = stateOf(texts);
    refresher.request('webhook');
    await refresher.idle();
  };
  const pass = async (milliseconds: number): Promise<void> => {
    elapsed += milliseconds;
    refresher.lookAtClock();
    await refresher.idle();
  };
  const served = () =>
    signaturesAt(refresher.store(), DIRECTORY)?.map(({ bytes }) => Buffer.from(bytes).toString());
  const reported = () =>
    [...(refresher.store()?.files() ?? [])]
      .flatMap((file) =>
        'servedAs' in file ? `${file.path.slice(-1)} ${file.servedAs.slice(-1)}` : [],
      )
      .toSorted();

  beforeEach(() => {
    [elapsed, commits, told] = [0, 0, []];
  });

  it('are held after a removal until no cache holds the old ones', async () => {
    await start({ 1: 'a', 2: 'b' });
    await push({ 2: 'b' });
    assert.deepEqual(served(), ['b', 'b']);
    await pass(WINDOW - 1);
    assert.deepEqual(served(), ['b', 'b']);
    await pass(1);
    assert.deepEqual(served(), ['b']);
  });

  it('count a copy as no other signature, and name the number of each file', async () => {
    await start({ 1: 'a', 2: 'b', 3: 'c' });
    await push({ 2: 'b', 3: 'c' });
    assert.deepEqual(served(), ['b', 'b', 'c']);
    const store = refresher.store();
    assert.deepEqual([store?.signatures, store?.summary.accepted], [2, 2]);
    assert.deepEqual(reported(), ['2 1', '3 3']);
    await pass(WINDOW);
    await pass(WINDOW);
    assert.deepEqual(
      [served(), reported()],
      [
        ['b', 'c'],
        ['2 1', '3 2'],
      ],
    );
  });

  it('are free at once where a directory is left empty, and are found again by what comes back', async () => {
    await start({ 1: 'a', 2: 'b' });
    await push({});
    assert.equal(served(), undefined);
    // A cache may still have `a` under number 1.
    await push({ 2: 'b' });
    assert.deepEqual(served(), ['b', 'b']);
    await pass(WINDOW + 1);
    assert.deepEqual(served(), ['b']);
  });

  it('are found again over a restart, and under another policy', async () => {
    await start({ 1: 'a', 2: 'b' });
    await push({});
    await refresher.stop();
    await start({});
    refresher.replaceJudge(createFakeJudge());
    await push({});
    await push({ 2: 'b' });
    assert.deepEqual(served(), ['b', 'b']);
    assert.deepEqual(told, []);
  });

  it('are forgotten once no cache holds them', async () => {
    await start({ 1: 'a', 2: 'b', 3: 'c' });
    await push({ 1: 'a' });
    await push({ 1: 'a', 3: 'c' });
    assert.deepEqual(served(), ['a', 'c', 'c']);
    await push({});
    await pass(WINDOW + 1);
    await push({ 3: 'c' });
    assert.deepEqual(served(), ['c']);
  });

  it('are held over a restart, which counts no time that it cannot know of', async () => {
    await start({ 1: 'a', 2: 'b' });
    await push({ 2: 'b' });
    await pass(WINDOW / 2);
    await refresher.stop();
    elapsed = 0;
    await start({ 2: 'b' });
    assert.deepEqual(served(), ['b', 'b']);
    await pass(WINDOW);
    assert.deepEqual(served(), ['b']);
    await refresher.stop();
    await start({ 2: 'b' });
    assert.deepEqual([served(), told], [['b'], []]);
  });

  it('are held when a new policy makes a new store', async () => {
    await start({ 1: 'a', 2: 'b' });
    source.state = stateOf({ 2: 'b' });
    refresher.replaceJudge(createFakeJudge());
    refresher.request('signal');
    await refresher.idle();
    assert.deepEqual(served(), ['b', 'b']);
    refresher.replaceJudge(createFakeJudge());
    refresher.request('signal');
    await refresher.idle();
    assert.deepEqual(served(), ['b', 'b']);
    await pass(WINDOW);
    assert.deepEqual(served(), ['b']);
  });

  it('are those of a fresh start where the file is damaged, which is told', async () => {
    await start({ 1: 'a', 2: 'b' });
    await push({ 2: 'b' });
    await refresher.stop();
    await writeFile(
      path(),
      (await readFile(path(), 'utf8')).replace('signature', 'x').slice(0, -9),
    );
    await start({ 2: 'b' });
    assert.deepEqual(served(), ['b']);
    assert.match(told.join(), /^unreadable: Error: it is damaged$/);
    told = [];
    await refresher.stop();
    await start({ 2: 'b' });
    assert.deepEqual(told, []);
  });
});
