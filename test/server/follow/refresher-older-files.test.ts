// A good file whose path is taken by one on which there is no verdict is served on until there is
// one, or until the path is removed: whatever is pushed, and however often the server starts.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { DEFERRED } from '../../../generator/openpgp/open-message.ts';
import { SourceError } from '../../../generator/sources/source.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import type { StoreJudge } from '../../../server/follow/judge-with-memory.ts';
import type { KeptFileOptions } from '../../../generator/system/kept-file.ts';
import { OlderFiles } from '../../../server/follow/older-files.ts';
import { Refresher, type RefresherOptions } from '../../../server/follow/refresher.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { DIRECTORY, at } from '../../kit/server/fake-judge.ts';
import { type MemorySource, createMemorySource } from '../../kit/server/memory-source.ts';
import { countFailures } from '../../kit/server/no-failures.ts';
import { createTimedJudge } from '../../kit/server/timed-judge.ts';

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
      numbers: undefined,
      cachedFor: 60_000,
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

  const take = async (model: Model, step: Step): Promise<void> => {
    if (step.what === 'restart') await restart(model.texts);
    else if (step.what === 'reload') {
      refresher.judgeAnew();
      refresher.request('signal');
      await refresher.idle();
    } else if (step.what === 'decide') {
      model.decide(step.verdict);
      await pass(3 * HOUR);
    } else if (step.what === 'push') {
      model.push(step.kinds);
      if (step.isLost) {
        source.onList = () => {
          source.onList = () => undefined;
          throw new SourceError('the clone has lost the commit');
        };
        await push(model.texts);
      }
      await push(model.texts);
    }
  };

  it('is the one that a model says, whatever comes in which order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEPS, { maxLength: 12 }), async (steps) => {
        verdicts = new Map();
        await rm(path(), { force: true });
        const model = new Model(verdicts);
        await open(model.texts);
        for (const step of steps) {
          await take(model, step);
          assert.deepEqual(served(), model.served(), `after ${JSON.stringify(step)}`);
        }
        await refresher.stop();
        assert.equal(source.count.open, 0);
      }),
      { numRuns: 40 },
    );
  });
});

const KINDS = ['good', 'bad', 'bomb', 'gone', 'same'] as const;
const NUMBERS = [1, 2, 3];

type Step =
  | {
      readonly what: 'push';
      readonly kinds: readonly (typeof KINDS)[number][];
      readonly isLost: boolean;
    }
  | { readonly what: 'decide'; readonly verdict: 'good' | 'bad' }
  | { readonly what: 'restart' }
  | { readonly what: 'reload' };

const STEPS = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({
    what: fc.constant('push'),
    kinds: fc.array(fc.constantFrom(...KINDS), { minLength: 3, maxLength: 3 }),
    isLost: fc.boolean(),
  }),
  fc.record({ what: fc.constant('decide'), verdict: fc.constantFrom('good', 'bad') }),
  fc.record({ what: fc.constant('restart') }),
  fc.record({ what: fc.constant('reload') }),
);

/** What is to be served, from what was pushed and what is known of it. */
class Model {
  readonly texts: Record<number, string> = {};
  readonly #older: Record<number, string> = {};
  readonly #verdicts: Map<string, string>;
  #made = 0;

  constructor(verdicts: Map<string, string>) {
    this.#verdicts = verdicts;
  }

  push(kinds: readonly (typeof KINDS)[number][]): void {
    for (const [index, kind] of kinds.entries()) {
      const number = index + 1;
      const before = this.texts[number] ?? '';
      if (kind === 'same') continue;
      if (kind === 'gone') delete this.texts[number];
      else this.texts[number] = `${kind} ${this.#made++}`;
      if (!this.#isWaiting(number)) delete this.#older[number];
      else if (this.#isGood(before)) this.#older[number] = before;
    }
  }

  /** Gives a verdict on all that wait for one. */
  decide(verdict: 'good' | 'bad'): void {
    for (const number of NUMBERS) {
      if (this.#isWaiting(number)) this.#verdicts.set(this.texts[number] ?? '', verdict);
      delete this.#older[number];
    }
  }

  served(): readonly string[] {
    return NUMBERS.flatMap((number) => {
      const text = this.texts[number] ?? '';
      return this.#isGood(text) ? [text] : (this.#older[number] ?? []);
    });
  }

  #isWaiting(number: number): boolean {
    const text = this.texts[number] ?? '';
    return text.startsWith('bomb') && !this.#verdicts.has(text);
  }

  #isGood(text: string): boolean {
    return text.startsWith('good') || this.#verdicts.get(text) === 'good';
  }
}

function fail(error: unknown): void {
  assert.fail(String(error));
}

function optionsFor(path: string): KeptFileOptions {
  return { path, onUnreadable: fail, onUnwritable: fail, onWritten: () => undefined };
}

function filesOf(texts: Texts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).map(([number, text]) => [at(Number(number)), text]),
  );
}
