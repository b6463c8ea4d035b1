// The states of the store, one after another: how a snapshot of the source becomes the next
// one, in one step, or is refused; and how the one in force stays true while time goes by. What is
// in force stays so until something whole takes its place.
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { checkEntries } from '../../generator/gate/check-entries.ts';
import { type CheckedFile, isWaiting, withoutDetail } from '../../generator/gate/checked-file.ts';
import { assertRead, judgeAgain } from '../../generator/store/judge-again.ts';
import type { Judge, Signature } from '../../generator/gate/judge.ts';
import { messageOf } from '../../generator/terms/message-of.ts';
import { DEFERRED } from '../../generator/openpgp/open-message.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import { type RejectedFile, isRejected, reportOther } from '../../generator/store/report.ts';
import { type Snapshot, type Source, StateRefusedError } from '../../generator/sources/source.ts';
import type { JudgedFile, SignatureStore } from '../../generator/store/store.ts';
import { afterLookups } from './yield-to-lookups.ts';
import { inTheWay } from '../troubles/failures.ts';
import { JudgingAgain, isDeferred, patience, renewLapsed } from './judging-again.ts';
import { loadState } from './load-state.ts';
import { logRejections } from './log-rejections.ts';
import { type OlderByPath, type OlderFiles } from './older-files.ts';
import { type Refusal, Refusals } from './refusals.ts';
import type { Troubles } from '../troubles/troubles.ts';
import type { TriedCommit } from './tried-commit.ts';
import type { UndecidedPass } from './undecided-pace.ts';
import type { StoreJudge } from './judge-with-memory.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';

/** One state of the store. */
export interface Generation {
  /** Counts from 1 in this process. */
  readonly number: number;
  readonly commit: string | null;
  /** ISO 8601. */
  readonly loadedAt: string;
}

/** What a snapshot led to. */
export type Advance = { readonly result: 'changed' | 'unchanged' } | Refusal;

export interface GenerationsOptions {
  readonly source: Source;
  readonly judge: StoreJudge;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly log: ProgramLog;
  /** What operators are told of. */
  readonly troubles: Troubles;
  /** Gives the time of day. */
  readonly now: () => Date;
  /** Which state is being judged, for the next run; undefined where nothing outlives this one. */
  readonly tried: TriedCommit | undefined;
  /** What is served in place of files without a verdict, for the next run; undefined as `tried`. */
  readonly older: OlderFiles | undefined;
  /** Called once, when the first generation is loaded. */
  readonly onFirstLoad: (store: SignatureStore, generation: Generation) => void;
  /** Called with each generation, the first one too. */
  readonly onPublish: (store: SignatureStore, generation: Generation) => void;
}

/**
 * What files in an unusual form, which may keep gpgv busy for seconds each, may hold up a generation.
 * The others of them are judged afterwards. Milliseconds.
 */
const PATIENCE = 5000;

/** The part of the server that has a trouble with the state directory here. */
const NOTED = 'served state';
const NOTHING_OLDER: OlderByPath = new Map();

/** What is in force: a store, the snapshot that it was made from, and the judge of all of it. */
interface Served {
  readonly store: SignatureStore;
  readonly snapshot: Snapshot;
  readonly judge: StoreJudge;
  readonly generation: Generation;
}

export class Generations {
  readonly #options: GenerationsOptions;
  #judge: StoreJudge;
  #served: Served | undefined;
  /** Set when the next advance must not build on what is served. */
  #mustReload = false;
  readonly #again = new JudgingAgain();
  #isClosed = false;
  readonly #refusals: Refusals;
  #newestCommit: string | null = null;
  /** What the state directory knows as published last. */
  #notedCommit: string | undefined;

  /** No generation is loaded yet. */
  constructor(options: GenerationsOptions) {
    const { judge, troubles, log } = options;
    this.#options = options;
    this.#judge = judge;
    this.#refusals = new Refusals({
      troubles,
      log,
      isServing: () => this.#served !== undefined,
    });
  }

  /** The store in force; undefined before the first generation. */
  get store(): SignatureStore | undefined {
    return this.#served?.store;
  }

  get current(): Generation | null {
    return this.#served?.generation ?? null;
  }

  /** The commit of the newest state of the source, in force or refused. */
  get newestCommit(): string | null {
    return this.#newestCommit;
  }

  /** Files that wait for a verdict. */
  get undecided(): number {
    return this.#served?.store.rejectedCodes.get('cannot-verify') ?? 0;
  }

  /** How many older files are served in place of some of those. */
  get olderServed(): number {
    return this.#served?.store.olderServed ?? 0;
  }

  /** Files that are not served because of a fault: quarantined, or of a refused state. */
  *rejected(): Generator<RejectedFile> {
    if (this.#served) yield* this.#withoutRefused(this.#served.store.rejectedFiles());
    yield* this.#refusals.files();
  }

  /** Those that have to do with a digest, given as 64 lower-case hexadecimal digits. */
  rejectedOf(hex: string): readonly RejectedFile[] {
    return [
      ...this.#withoutRefused(this.#served?.store.rejectedOf(hex) ?? []),
      ...this.#refusals.filesOf(hex),
    ];
  }

  /** Whether every verdict in force is true at this moment, and by the judge that was given last. */
  isTrue(): boolean {
    if (!this.#served) return true;
    const { store, judge } = this.#served;
    return this.#again.isDone && judge === this.#judge && store.holdsAt(this.#options.now());
  }

  /** Everything is judged by another rule, when `renew` is called next. */
  replaceJudge(judge: StoreJudge): void {
    this.#judge = judge;
    this.#refusals.forgetCost();
  }

  /** Every verdict is asked for again when `renew` is called next. */
  judgeAnew(): void {
    this.#again.request();
    this.#refusals.forgetCost();
  }

  /**
   * Brings the state that was published last, before a restart, into force, if it is still here.
   * Nothing in it is a reason not to.
   */
  async recall(): Promise<void> {
    const snapshot = await this.#options.source.recall();
    if (!snapshot) return;
    await this.#closing(snapshot, async () => {
      await this.#load(snapshot, false);
      this.#notedCommit = snapshot.commit;
      this.#options.log.info(
        { commit: snapshot.commit },
        'serving the state that was published last',
      );
    });
  }

  /**
   * Makes what is in force true again, without asking the source: judges by another rule what it is
   * replaced for, and judges again what does not hold any more. Tells whether anything changed. What
   * takes long is left for the next time once it is enough.
   */
  async renew(isEnough: () => boolean): Promise<boolean> {
    if (!this.#served || this.isTrue()) return false;
    const isReloaded = this.#served.judge !== this.#judge;
    if (isReloaded) await this.#load(this.#served.snapshot, false);
    const { store, snapshot, judge } = this.#served;
    let renewed = 0;
    const job = {
      ...this.#served,
      now: this.#options.now(),
      isEnough,
      inOneStep: inTheWay,
      mayBreakOff: true,
      onGood: () => void renewed++,
    };
    const lapsed = await renewLapsed(job);
    const anew = await this.#again.goOn(job);
    const changes = anew.changes + lapsed.changes;
    logRejections(this.#options.log, [...anew.rejected, ...lapsed.rejected].flatMap(toRejected));
    if (changes > 0) this.#publish(store, snapshot, judge);
    void judge.checkpoint?.keep(store, snapshot, Math.max(changes, renewed));
    assertRead(lapsed);
    assertRead(anew);
    return isReloaded || changes > 0;
  }

  /** Asks again for verdicts that nobody could give; some at a time, until it is enough. */
  async retryUndecided(isEnough: () => boolean): Promise<UndecidedPass> {
    if (!this.#served) return { hasProgress: false, isWhole: true };
    const { store, snapshot, judge } = this.#served;
    const before = this.undecided;
    const olderBefore = this.olderServed;
    const job = { ...this.#served, now: this.#options.now(), isEnough, inOneStep: inTheWay };
    const { isWhole, failure } = await this.#again.retryUndecided(job);
    const hasProgress = this.undecided < before || this.olderServed !== olderBefore;
    if (hasProgress) {
      this.#publish(store, snapshot, judge);
      void judge.checkpoint?.keep(store, snapshot, Math.max(1, before - this.undecided));
    }
    assertRead({ failure });
    return { hasProgress, isWhole };
  }

  /**
   * Brings the newest state of the source into force. Throws as the source does. `onDecided` is
   * called at that very moment: with null, or with the refusal of the state. Once it is enough,
   * files that take long are left without a verdict.
   */
  async advance(
    onDecided: (refusal: Refusal | null) => void,
    isEnough: () => boolean,
  ): Promise<Advance> {
    const before = this.#served?.snapshot.commit;
    const advance = await this.#advance(isEnough);
    if (advance.result === 'refused') {
      onDecided(advance);
      return advance;
    }
    this.#refusals.clear();
    onDecided(null);
    if (advance.result === 'changed' && this.#served) {
      await new Promise<void>(afterLookups);
      await this.#note(before, this.#served);
    }
    return advance;
  }

  async #advance(isEnough: () => boolean): Promise<Advance> {
    try {
      const snapshot = await this.#options.source.refresh();
      return await this.#closing(snapshot, async () => this.#take(snapshot, isEnough));
    } catch (error) {
      if (!(error instanceof StateRefusedError)) throw error;
      this.#newestCommit = error.origin.commit ?? this.#newestCommit;
      return this.#refusals.forCost(error);
    }
  }

  /** Whether the state directory has been told of what is in force, as far as that works. */
  get isNoted(): boolean {
    return this.#notedCommit === this.#served?.snapshot.commit;
  }

  /** Nothing may be asked for afterwards that reads the source. */
  async close(): Promise<void> {
    if (this.#isClosed || !this.#served) return;
    this.#isClosed = true;
    const { store, snapshot, judge } = this.#served;
    await Promise.all([
      this.#options.older?.keep(store),
      judge.checkpoint?.keepLast(store, snapshot),
    ]);
    await snapshot.close();
  }

  /** Does something with a snapshot, and closes what is not in force afterwards. */
  async #closing<Result>(snapshot: Snapshot, action: () => Promise<Result>): Promise<Result> {
    const before = this.#served?.snapshot;
    try {
      return await action();
    } finally {
      const after = this.#served?.snapshot;
      if (after !== snapshot) await snapshot.close();
      if (before && before !== after) await before.close();
    }
  }

  /** The newest state, unless it was refused before. */
  async #take(snapshot: Snapshot, isEnough: () => boolean): Promise<Advance> {
    const { commit } = snapshot;
    const { tried } = this.#options;
    const refusal = this.#refusals.known(commit);
    if (refusal) {
      this.#newestCommit = commit ?? null;
      return refusal;
    }
    const isNew = commit !== undefined && commit !== this.#served?.snapshot.commit;
    const pause = isNew && this.#served ? await tried?.pauseFor(commit) : undefined;
    if (commit !== undefined && pause !== undefined) {
      this.#newestCommit = commit;
      return this.#refusals.forNow(commit, pause);
    }
    if (isNew) await tried?.begin(commit);
    try {
      const advance = await this.#judgeNewest(snapshot, isEnough);
      this.#newestCommit = commit ?? null;
      return advance;
    } catch (error) {
      // A clone that has lost the served commit never compares: the next try loads everything.
      if (!(error instanceof StateRefusedError)) this.#mustReload = true;
      throw error;
    } finally {
      if (isNew) await tried?.end();
    }
  }

  async #judgeNewest(snapshot: Snapshot, isEnough: () => boolean): Promise<Advance> {
    const served = this.#served;
    const mayUpdate = served !== undefined && !this.#mustReload && served.judge === this.#judge;
    return mayUpdate
      ? this.#update(served, snapshot, isEnough)
      : this.#load(snapshot, this.#options.onInvalid === 'refuse');
  }

  #publish(store: SignatureStore, snapshot: Snapshot, judge: StoreJudge): void {
    const isFirst = this.#served === undefined;
    const number = (this.#served?.generation.number ?? 0) + 1;
    const commit = snapshot.commit ?? null;
    const generation = { number, commit, loadedAt: this.#options.now().toISOString() };
    this.#served = { store, snapshot, judge, generation };
    void this.#options.older?.keep(store);
    if (isFirst) this.#options.onFirstLoad(store, generation);
    this.#options.onPublish(store, generation);
  }

  /** All of a snapshot, into a store of its own: swapped when it is whole. */
  async #load(snapshot: Snapshot, mayRefuse: boolean): Promise<Advance> {
    const { log, now } = this.#options;
    const judge = this.#judge;
    const served = this.#served;
    const { older } = this.#options;
    const remembered = served ? NOTHING_OLDER : ((await older?.read()) ?? NOTHING_OLDER);
    const job = { snapshot, judge, now: now(), served, remembered };
    const { store, renewed } = await loadState(job);
    const faults = mayRefuse ? [...newFaults(store, served?.store)] : [];
    if (faults.length > 0) return this.#refusals.forFiles(faults, snapshot.commit);
    this.#mustReload = false;
    this.#again.restart();
    logRejections(log, store.rejectedFiles());
    this.#publish(store, snapshot, judge);
    void judge.checkpoint?.keep(store, snapshot, renewed);
    return { result: 'changed' };
  }

  /** What changed since the served snapshot, into the served store. */
  async #update(
    { store, judge, generation, ...before }: Served,
    snapshot: Snapshot,
    isEnough: () => boolean,
  ): Promise<Advance> {
    const { onInvalid, log } = this.#options;
    const now = this.#options.now();
    const isRefusing = onInvalid === 'refuse';
    const changes: CheckedFile[] = [];
    const entries = snapshot.changesSince(before.snapshot);
    const judging = isRefusing ? judgeUntilRefused(judge) : judge;
    for await (const file of checkEntries(snapshot, entries, judging, now, 'quick')) {
      changes.push(withoutDetail(file));
    }
    if (changes.length === 0 && snapshot.commit === before.snapshot.commit) {
      this.#served = { store, snapshot, judge, generation };
      return { result: 'unchanged' };
    }
    await new Promise<void>(afterLookups);
    const prepared = store.prepare([...changes, ...olderFor(changes, store)]);
    const rejected = [...prepared.rejectedFiles()];
    const faults = isRefusing ? broughtBy(changes, rejected, store) : [];
    if (faults.length > 0) return this.#refusals.forFiles(faults, snapshot.commit);
    inTheWay(() => prepared.apply());
    const deferred = changes.filter(isDeferred);
    const hasToWait = deferred.length > 0;
    if (!hasToWait) logRejections(log, rejected);
    if (!hasToWait || changes.length > deferred.length) this.#publish(store, snapshot, judge);
    if (hasToWait) {
      const isLate = patience(PATIENCE);
      const isOver = (): boolean => isEnough() || isLate();
      const job = { store, snapshot, judge, now, isEnough: isOver, inOneStep: inTheWay };
      assertRead(await judgeAgain(deferred, job));
      logRejections(log, rejectedBeside(changes, store));
      this.#publish(store, snapshot, judge);
    }
    void judge.checkpoint?.keep(store, snapshot, changes.length);
    return { result: 'changed' };
  }

  /** A file may be rejected in the served state too. */
  *#withoutRefused(files: Iterable<RejectedFile>): Generator<RejectedFile> {
    for (const file of files) if (!this.#refusals.hasFile(file.path)) yield file;
  }

  /** Notes a new generation in the state directory; it is in force whether or not that works. */
  async #note(from: string | undefined, { snapshot, store }: Served): Promise<void> {
    const { source, log, troubles, older } = this.#options;
    const to = snapshot.commit;
    try {
      if (from && to && !(await source.isAncestor(from, to))) {
        log.warn({ from, to }, 'the history was rewritten; following it');
      }
      // First: a start with this state would else lack what is served in place of its files.
      await older?.keep(store);
      await source.keep(snapshot);
      troubles.clear('state-directory', NOTED);
    } catch (error) {
      const reason = messageOf(error);
      const message = 'the served state could not be noted in the state directory';
      log.warn({ error: reason }, message);
      troubles.raise('state-directory', { message: `${message}: ${reason}` }, NOTED);
    } finally {
      this.#notedCommit = to;
    }
  }
}

function toRejected(file: JudgedFile): readonly RejectedFile[] {
  return [...reportOther(file)].filter(isRejected);
}

/**
 * A judge for a state that one rejected file refuses: once there is one, no file is judged any more that
 * may take long.
 */
function judgeUntilRefused(judge: Judge): Judge {
  const limit = pLimit(availableParallelism());
  let isRefused = false;
  const note = (verdict: Signature | Rejection): Signature | Rejection => {
    if (verdict !== DEFERRED && isRejection(verdict)) isRefused = true;
    return verdict;
  };
  return {
    ...judge,
    judge: async (location, bytes, now) => {
      const quick = note(await judge.judge(location, bytes, now, 'quick'));
      if (quick !== DEFERRED) return quick;
      return limit(async () => (isRefused ? quick : note(await judge.judge(location, bytes, now))));
    },
  };
}

/** Rejected files that a change brings; what time alone has spoilt is no fault of a push. */
function broughtBy(
  changes: readonly CheckedFile[],
  rejected: readonly RejectedFile[],
  store: SignatureStore,
): readonly RejectedFile[] {
  const before = new Set<string>();
  for (const { path } of rejectedBeside(changes, store)) before.add(path);
  const changed = new Set(changes.map(({ path }) => path));
  return rejected.filter(({ path }) => changed.has(path) || !before.has(path));
}

/** Rejected files that are not rejected for the same reason in the store that is served. */
function* newFaults(
  store: SignatureStore,
  served: SignatureStore | undefined,
): Generator<RejectedFile> {
  const known = new Set<string>();
  for (const { path, code } of served?.rejectedFiles() ?? []) known.add(`${code} ${path}`);
  for (const file of store.rejectedFiles()) {
    if (!known.has(`${file.code} ${file.path}`)) yield file;
  }
}

/** What is served on in place of those among new files on which there is no verdict. */
function olderFor(files: readonly CheckedFile[], store: SignatureStore): readonly CheckedFile[] {
  return files.flatMap((file) => {
    if (!isWaiting(file) || file.directory === undefined) return [];
    return store.olderFor(file.directory, file.path) ?? [];
  });
}

/** The rejected files of the directories in which files lie. */
function* rejectedBeside(
  files: readonly CheckedFile[],
  store: SignatureStore,
): Generator<RejectedFile> {
  for (const directory of new Set(files.flatMap((file) => file.directory ?? []))) {
    for (const file of store.filesIn(directory)) if (file.status === 'rejected') yield file;
  }
}
