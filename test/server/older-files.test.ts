// A good file whose path is taken by one on which there is no verdict is served on until there is
// one, or until the path is removed: whatever is pushed, and however often the server starts.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { DEFERRED } from '../../generator/openpgp/open-message.ts';
import { reject } from '../../generator/rejection.ts';
import { SourceError } from '../../generator/sources/source.ts';
import { OlderFiles, type OlderFilesOptions } from '../../server/follow/older-files.ts';
import { Troubles } from '../../server/follow/troubles.ts';
import type { StoreJudge } from '../../server/judge-with-memory.ts';
import { createProgramLog } from '../../server/program-log.ts';
import { Refresher, type RefresherOptions } from '../../server/refresher.ts';
import { useTemporary } from '../e2e/temporary.ts';
import { captureLines } from './captured-lines.ts';
import { DIRECTORY, at } from './fake-judge.ts';
import { type MemorySource, createMemorySource } from './memory-source.ts';
import { countFailures } from './no-failures.ts';
import { createTimedJudge } from './timed-judge.ts';

const START = 1_700_000_000_000;
const HOUR = 3_600_000;
const LATER = START + HOUR;
const NEVER = 9_999_999_999_999;

type Texts = Readonly<Record<number, string>>;

/** Says of a text with `bomb` in it what it is told, and else that nobody knows. */
function createSlowJudge(verdicts: ReadonlyMap<string, string>): StoreJudge {
  const timed = createTimedJudge();
  return {
    ...timed,
    judge: async (location, bytes, now, effort = 'any') => {
      const text = Buffer.from(bytes).toString();
      if (!text.includes('bomb')) return timed.judge(location, bytes, now, effort);
      if (effort !== 'any') return DEFERRED;
      const verdict = verdicts.get(text);
      if (verdict === 'good') return timed.judge(location, bytes, now);
      return verdict === 'bad'
        ? reject('armored', 'expected binary, got text')
        : reject('cannot-verify', 'gpgv took more than 2 s');
    },
  };
}

describe('a file that is replaced by one without a verdict', () => {
  // Before the directory goes.
  afterEach(async () => {
    await refresher.stop();
    assert.equal(source.count.open, 0);
  });
  const directory = useTemporary();
  const path = () => join(directory(), 'x.older');
  let verdicts = new Map<string, string>();
  let source: MemorySource;
  let refresher: Refresher;
  let troubles: Troubles;
  let log = captureLines();
  let [wall, elapsed, commits] = [START, 0, 0];

  const open = async (texts: Texts, options: Partial<RefresherOptions> = {}): Promise<void> => {
    const commit = `${commits++}`.padStart(6, '0');
    const files = filesOf(texts);
    source = createMemorySource({ commit, files });
    source.recalled = { commit, files };
    troubles = new Troubles(() => new Date(wall));
    log = captureLines();
    refresher = new Refresher({
      source,
      judge: createSlowJudge(verdicts),
      onInvalid: 'quarantine',
      log: createProgramLog(log.stream),
      troubles,
      failures: countFailures(),
      now: () => new Date(wall),
      elapsed: () => elapsed,
      tried: undefined,
      older: new OlderFiles(optionsFor(path())),
      lookForGpgv: async () => undefined,
      hasGpgv: async () => true,
      onFirstLoad: () => undefined,
      onPublish: () => undefined,
      onRefresh: () => undefined,
      ...options,
    });
    refresher.start();
    await refresher.idle();
  };
  const push = async (texts: Texts): Promise<void> => {
    source.state = { commit: `${commits++}`.padStart(6, '0'), files: filesOf(texts) };
    refresher.request('webhook');
    await refresher.idle();
  };
  const restart = async (texts: Texts, options: Partial<RefresherOptions> = {}): Promise<void> => {
    await refresher.stop();
    await open(texts, options);
  };
  const pass = async (milliseconds: number, byWall = milliseconds): Promise<void> => {
    elapsed += milliseconds;
    wall += byWall;
    refresher.lookAtClock();
    await refresher.idle();
  };
  const served = (): readonly string[] =>
    [...(refresher.store()?.served() ?? [])].map(({ signature }) =>
      Buffer.from(signature.bytes).toString(),
    );
  const rejected = (): readonly string[] =>
    [...refresher.rejected()].map(({ code, olderServedAs = '' }) => `${code} ${olderServedAs}`);

  beforeEach(() => {
    verdicts = new Map();
    [wall, elapsed] = [START, 0];
  });

  it('is served on under its number, and that is told', async () => {
    await open({ 1: 'one', 2: 'two' });
    await push({ 1: 'bomb', 2: 'two' });
    assert.deepEqual(served(), ['one', 'two']);
    assert.deepEqual(rejected(), [`cannot-verify /${DIRECTORY}/signature-1`]);
    const [file] = refresher.rejected();
    assert.match(
      file?.message ?? '',
      /until there is a verdict, the file that it replaces is served/,
    );
    assert.match(log.text(), /the file that it replaces is served/);
    const [trouble] = troubles.list();
    assert.equal(
      trouble?.message,
      '1 file waits for a verdict; in place of 1 of them an older file is served',
    );
    assert.deepEqual(refresher.store()?.summary, {
      accepted: 1,
      unverified: 0,
      rejected: 1,
      ignored: 0,
    });
  });

  it('goes when there is a verdict, be it good or bad', async () => {
    await open({ 1: 'one', 2: 'two' });
    await push({ 1: 'bomb a', 2: 'bomb b' });
    verdicts.set('bomb a', 'good').set('bomb b', 'bad');
    await pass(2 * HOUR);
    assert.deepEqual([served(), rejected()], [['bomb a'], ['armored ']]);
    assert.equal(refresher.store()?.olderServed, 0);
  });

  it('is not served beside a copy of it, but again when that is removed', async () => {
    await open({ 1: 'one' });
    await push({ 1: 'bomb', 2: 'one' });
    assert.deepEqual([served(), rejected()], [['one'], ['cannot-verify ']]);
    await push({ 1: 'bomb' });
    assert.deepEqual(served(), ['one']);
  });

  it('goes when its own time is over, and comes back where only the clock was wrong', async () => {
    await open({ 1: `bad from ${LATER} until ${NEVER}`, 2: 'two' });
    await push({ 1: 'bomb', 2: 'two' });
    assert.equal(served().length, 2);
    await pass(1000, HOUR);
    assert.deepEqual([served(), rejected()], [['two'], ['cannot-verify ']]);
    await restart({ 1: 'bomb', 2: 'two' });
    assert.deepEqual(served(), ['two']);
    await pass(1000, -HOUR);
    assert.equal(served().length, 2);
  });

  it('goes when the keys are others, and stays gone after a start', async () => {
    await open({ 1: 'one', 2: 'two' });
    await push({ 1: 'bomb', 2: 'two' });
    const judge = createSlowJudge(verdicts);
    const other: StoreJudge = {
      ...judge,
      judge: async (location, bytes, ...rest) =>
        Buffer.from(bytes).toString() === 'one'
          ? reject('unknown-signer', 'no key')
          : judge.judge(location, bytes, ...rest),
    };
    refresher.replaceJudge(other);
    refresher.judgeAnew();
    refresher.request('signal');
    await refresher.idle();
    assert.deepEqual([served(), rejected()], [['two'], ['cannot-verify ']]);
    await restart({ 1: 'bomb', 2: 'two' }, { judge: other });
    assert.deepEqual(served(), ['two']);
    await restart({ 1: 'bomb', 2: 'two' });
    assert.deepEqual(served(), ['one', 'two'], 'as before, with the key back');
  });

  it('stays with --on-invalid refuse, as the whole state does', async () => {
    await open({ 1: 'one' }, { onInvalid: 'refuse' });
    await push({ 1: 'bomb', 2: 'two' });
    assert.deepEqual(served(), ['one']);
    assert.equal(refresher.status().lastRefresh?.result, 'refused');
  });

  it('is noted before the state is that lacks it', async () => {
    await open({ 1: 'one' });
    let isThere = false;
    const other = new OlderFiles(optionsFor(path()));
    source.onKeep = async () => {
      isThere = (await other.read()).has(at(1));
    };
    await push({ 1: 'bomb' });
    assert.ok(isThere);
  });

  it('is the one that a model says, whatever comes in which order', async () => {
    const kinds = ['good', 'bad', 'bomb', 'gone', 'same'] as const;
    const command = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.tuple(
          fc.constant('push' as const),
          fc.array(fc.constantFrom(...kinds), { minLength: 3, maxLength: 3 }),
        ),
      },
      fc.tuple(
        fc.constantFrom('restart' as const, 'lost' as const, 'hangup' as const),
        fc.constant([]),
      ),
      fc.tuple(fc.constantFrom('good' as const, 'bad' as const), fc.constant([])),
    );
    let made = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
        verdicts = new Map();
        await rm(path(), { force: true });
        const texts: Record<number, string> = {};
        const older: Record<number, string> = {};
        const isWaiting = (text = ''): boolean => text.startsWith('bomb') && !verdicts.has(text);
        const isGood = (text: string): boolean =>
          text.startsWith('good') || verdicts.get(text) === 'good';
        await open(texts);
        for (const [what, parts] of commands) {
          if (what === 'push' || what === 'lost') {
            for (const [index, kind] of parts.entries()) {
              const number = index + 1;
              const before = texts[number];
              if (kind === 'same') continue;
              if (kind === 'gone') delete texts[number];
              else texts[number] = `${kind} ${made++}`;
              if (!isWaiting(texts[number])) delete older[number];
              else if (before !== undefined && isGood(before)) older[number] = before;
            }
            if (what === 'lost') {
              source.onList = () => {
                source.onList = () => undefined;
                throw new SourceError('the clone has lost the commit');
              };
              await push(texts);
            }
            await push(texts);
          } else if (what === 'restart') await restart(texts);
          else if (what === 'hangup') {
            refresher.judgeAnew();
            refresher.request('signal');
            await refresher.idle();
          } else {
            for (const text of Object.values(texts)) if (isWaiting(text)) verdicts.set(text, what);
            for (const number of [1, 2, 3]) if (!isWaiting(texts[number])) delete older[number];
            await pass(3 * HOUR);
          }
          const expected = [1, 2, 3].flatMap((number) => {
            const text = texts[number] ?? '';
            return isGood(text) ? [text] : (older[number] ?? []);
          });
          assert.deepEqual(served(), expected, `after ${what}`);
        }
        await refresher.stop();
        assert.equal(source.count.open, 0);
      }),
      { numRuns: 40 },
    );
  }).timeout(60_000);
});

function optionsFor(path: string): OlderFilesOptions {
  const fail = (error: unknown): void => void assert.fail(String(error));
  return { path, onUnreadable: fail, onUnwritable: fail, onWritten: () => undefined };
}

function filesOf(texts: Texts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).map(([number, text]) => [at(Number(number)), text]),
  );
}
