// When it is told that signatures were taken away, and until when; with a clock that the test sets.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Judge } from '../../../generator/gate/judge.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Generations } from '../../../server/follow/generations.ts';
import { LostFile } from '../../../server/lost/lost-file.ts';
import { SHOWN_FOR } from '../../../server/lost/lost-signatures.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { type CapturedLines, captureLines } from '../../kit/server/captured-lines.ts';
import { at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { type MemorySource, createMemorySource } from '../../kit/server/memory-source.ts';
import { createTimedJudge } from '../../kit/server/timed-judge.ts';
import { useTemporary } from '../../kit/temporary.ts';

type Files = Readonly<Record<string, string>>;

const NOW = Date.UTC(2026, 0, 1);
const never = (): boolean => false;

/** `signature-N` of one of many images. */
function of(image: number, number = 1): string {
  return at(number).replace('team/app', `team/app${image}`);
}

function imagesTo(count: number): Files {
  const names = Array.from({ length: count }, (_, image) => image);
  return Object.fromEntries(names.map((image) => [of(image), `${image}`]));
}

describe('signatures that a change takes away', () => {
  const directory = useTemporary();
  let clock = NOW;
  let source: MemorySource;
  let troubles: Troubles;
  let log: CapturedLines;
  let generations: Generations;
  let commits = 0;

  const start = async (files: Files, judge: Judge = createFakeJudge()): Promise<void> => {
    source = createMemorySource({ commit: `c${commits++}`, files });
    await open(judge);
    await generations.advance(() => undefined, never);
  };
  const open = async (judge: Judge): Promise<void> => {
    troubles = new Troubles(() => new Date(clock));
    log = captureLines();
    generations = new Generations({
      source,
      judge,
      onInvalid: 'quarantine',
      log: createProgramLog(log.stream),
      troubles,
      now: () => new Date(clock),
      elapsed: () => clock,
      cachedFor: 60_000,
      tried: undefined,
      older: undefined,
      numbers: undefined,
      lostFile: new LostFile({
        path: join(directory(), 'lost'),
        onUnreadable: (error) => log.stream.write(`unreadable: ${String(error)}\n`),
        onUnwritable: (error) => log.stream.write(`unwritable: ${String(error)}\n`),
        onWritten: () => undefined,
      }),
      onFirstLoad: () => undefined,
      onPublish: () => undefined,
    });
    await generations.recall();
  };
  const push = async (files: Files): Promise<void> => {
    source.state = { commit: `c${commits++}`, files };
    await generations.advance(() => undefined, never);
  };
  const told = (): readonly string[] =>
    troubles.list().flatMap(({ kind, message }) => (kind === 'signatures-lost' ? [message] : []));
  beforeEach(() => void (clock = NOW));
  afterEach(async () => generations.close());

  const quiet: readonly (readonly [title: string, before: Files, after: Files])[] = [
    ['another number', { [at(1)]: 'a', [at(2)]: 'b' }, { [at(7)]: 'a', [at(3)]: 'b' }],
    ['a copy that goes', { [at(1)]: 'a', [at(2)]: 'a' }, { [at(2)]: 'a' }],
    ['what is added', { [at(1)]: 'a' }, { [at(1)]: 'a', [at(2)]: 'b' }],
    ['what was bad', { [at(1)]: 'a', [at(2)]: 'bad' }, { [at(1)]: 'a' }],
    ['some whole images', imagesTo(10), imagesTo(5)],
    ['most of a few images', imagesTo(9), imagesTo(1)],
    ['a place that was empty', {}, {}],
  ];
  for (const [title, before, after] of quiet) {
    it(`are not told of: ${title}`, async () => {
      await start(before);
      await push(after);
      assert.deepEqual([told(), generations.lost.loss, generations.lost.total], [[], undefined, 0]);
    });
  }

  const loud: readonly (readonly [title: string, before: Files, after: Files, said: RegExp])[] = [
    [
      'one of two',
      { [at(1)]: 'a', [at(2)]: 'b' },
      { [at(2)]: 'b' },
      /^the change to commit c\d+ took away 1 signature \(50 %\), of 1 image that is still there: 1 removed; /,
    ],
    ['other bytes', { [at(1)]: 'a' }, { [at(1)]: 'b' }, /: 1 replaced; .*, got other bytes$/],
    [
      'a bad file',
      { [at(1)]: 'a' },
      { [at(1)]: 'bad' },
      /\(100 %\), .*: 1 replaced; .*no signature of/,
    ],
    ['most images', imagesTo(12), imagesTo(5), /7 signatures \(58 %\), 7 whole images with 7 sig/],
    ['all of one image', { [at(1)]: 'a' }, {}, /1 signature \(100 %\), 1 whole image with 1 sig/],
    [
      'many of many',
      { ...imagesTo(30), [of(0, 2)]: 'x', [of(1, 2)]: 'y' },
      imagesTo(30),
      /2 signatures \(6 %\), of 2 images that are still there: 2 removed;/,
    ],
  ];
  for (const [title, before, after, said] of loud) {
    it(`are told of: ${title}`, async () => {
      await start(before);
      await push(after);
      assert.match(told().join('\n'), said);
    });
  }

  it('are told of when the 128th displaces the oldest', async () => {
    const all = Array.from({ length: 127 }, (_, index) => [at(index + 2), `${index}`] as const);
    await start(Object.fromEntries(all));
    await push(Object.fromEntries([...all, [at(1), 'one more']]));
    assert.match(told().join(''), /: 1 no longer among those that nodes read;/);
  });

  it('are told of for a day after the last time, over restarts, and no longer', async () => {
    await start({ [at(1)]: 'a', [at(2)]: 'b', [at(3)]: 'c' });
    await push({ [at(2)]: 'b', [at(3)]: 'c' });
    clock += SHOWN_FOR / 2;
    await push({ [at(3)]: 'c' });
    assert.match(
      told().join(''),
      /took away 1 signature .*; 1 signature of earlier changes is lost, too$/,
    );
    assert.equal(generations.lost.loss?.signatures, 2);
    await generations.close();
    clock += SHOWN_FOR - 1;
    await open(createFakeJudge());
    assert.equal(told().length, 1);
    assert.equal(generations.lost.loss?.since, new Date(NOW).toISOString());
    generations.lost.tick();
    assert.equal(told().length, 1);
    clock += 1;
    generations.lost.tick();
    assert.equal(told().length, 0);
    await generations.lost.settle();
    await open(createFakeJudge());
    assert.equal(told().length, 0);
  });

  it('end when all of them are there again, whichever change brought them', async () => {
    await start({ [at(1)]: 'a', [at(2)]: 'b', [at(3)]: 'c' });
    await push({ [at(3)]: 'c' });
    assert.equal(generations.lost.loss?.signatures, 2);
    await push({ [at(3)]: 'c', [at(4)]: 'a' });
    assert.equal(generations.lost.loss?.signatures, 1);
    await push({ [at(3)]: 'c', [at(4)]: 'a', [at(5)]: 'b' });
    assert.deepEqual([told(), generations.lost.total], [[], 2]);
    assert.match(log.text(), /are there again/);
  });

  it('are told of once there is a verdict on what has replaced them', async () => {
    const judge = createTimedJudge();
    await start({ [at(1)]: 'a', [at(2)]: 'b' }, judge);
    judge.hasGpgv = false;
    await push({ [at(1)]: 'usual c', [at(2)]: 'b' });
    assert.deepEqual(told(), [], 'the older one is served on');
    judge.hasGpgv = true;
    await generations.retryUndecided(never);
    assert.match(told().join(''), /: 1 replaced;/);
    assert.equal(generations.lost.total, 1);
  });

  it('cost nothing where the file for them is damaged', async () => {
    await start({ [at(1)]: 'a' });
    await push({ [at(1)]: 'b' });
    await generations.close();
    const path = join(directory(), 'lost');
    const whole = await readFile(path, 'utf8');
    for (const text of ['', '{', whole.slice(0, -9), whole.replace('"version":1', '"version":2')]) {
      await writeFile(path, text);
      await open(createFakeJudge());
      assert.deepEqual(told(), []);
      assert.match(log.text(), /unreadable/);
    }
  });
});
