// The states of the store, one after another. A snapshot of the source becomes the next one in a single
// step, or is refused; meanwhile verdicts that time has changed are renewed in the one in force. A state
// stays in force until a complete one takes its place.
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { checkEntries } from '../../generator/gate/check-entries.ts';
import { type CheckedFile, isWaiting, withoutDetail } from '../../generator/gate/checked-file.ts';
import { assertRead, judgeAgain } from '../../generator/store/judge-again.ts';
import type { Judge, Signature } from '../../generator/gate/judge.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { DEFERRED } from '../../generator/openpgp/open-message.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import { type RejectedFile, isRejected, reportOther } from '../../generator/store/report.ts';
import { type Snapshot, type Source, StateRefusedError } from '../../generator/sources/source.ts';
import type { StoreChange } from '../../generator/store/journal.ts';
import type { JudgedFile, SignatureStore } from '../../generator/store/store.ts';
import { Accounts } from '../events/accounts.ts';
import type { Events } from '../events/events.ts';
import type { Cause } from '../events/publication.ts';
import { yieldToLookups } from '../lookups/yield-to-lookups.ts';
import { inTheWay } from '../troubles/failures.ts';
import { JudgingAgain, isDeferred, patience, renewLapsed } from './judging-again.ts';
import { type HeldDirectories, holdAll, holdDirectories } from '../lost/compare-stores.ts';
import { type LoadedState, loadState } from './load-state.ts';
import type { LostFile } from '../lost/lost-file.ts';
import { type ChangedState, LostSignatures } from '../lost/lost-signatures.ts';
import { logRejections } from './log-rejections.ts';
import { NumberHolding, type NumberHoldingOptions } from '../numbers/number-holding.ts';
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

/** What became of a snapshot. */
export type Advance = { readonly result: 'changed' | 'unchanged' } | Refusal;

export interface GenerationsOptions extends NumberHoldingOptions {
  readonly source: Source;
  readonly judge: StoreJudge;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly log: ProgramLog;
  /** What operators are told of. */
  readonly troubles: Troubles;
  /** Gives the time of day. */
  readonly now: () => Date;
  /** Remembers for the next run which state is being judged; undefined without a state directory. */
  readonly tried: TriedCommit | undefined;
  /** Remembers what is served in place of files without a verdict; undefined as `tried`. */
  readonly older: OlderFiles | undefined;
  /** Remembers what was taken away; as `tried`. */
  readonly lostFile?: LostFile | undefined;
  /** Told of what each publication has changed; undefined where nobody wants to know. */
  readonly events?: Pick<Events, 'publish' | 'settle'> | undefined;
  /** Called once, when the first generation is loaded. */
  readonly onFirstLoad: (store: SignatureStore, generation: Generation) => void;
  /** Called with each generation, the first one too. */
  readonly onPublish: (store: SignatureStore, generation: Generation) => void;
}

/**
 * How long files in an unusual form, each of which may keep gpgv busy for seconds, may hold up a
 * generation. The rest of them is judged afterwards. Milliseconds.
 */
const PATIENCE = 5000;

/** Names this part of the server in the trouble `state-directory`. */
const NOTED = 'served state';
const NOTHING_OLDER: OlderByPath = new Map();
const NOTHING_HELD: HeldDirectories = new Map();

/** What is in force: a store, the snapshot that it was made from, and the judge of all its files. */
interface ServedState {
  readonly store: SignatureStore;
  readonly snapshot: Snapshot;
  readonly judge: StoreJudge;
  readonly generation: Generation;
}

/** A state that was loaded as a whole. */
interface Loaded extends LoadedState {
  readonly advance: Advance;
  /** What has changed since the checkpoint of an earlier run; undefined where there is none. */
  readonly sinceCheckpoint: Iterable<StoreChange> | undefined;
}

export class Generations {
  readonly #options: GenerationsOptions;
  #judge: StoreJudge;
  #served: ServedState | undefined;
  /** Set when the next advance has to load everything instead of what changed. */
  #mustReload = false;
  readonly #again = new JudgingAgain();
  #isClosed = false;
  readonly #refusals: Refusals;
  readonly #numbers: NumberHolding;
  /** What changes of the source have taken away. */
  readonly lost: LostSignatures;
  #newestCommit: string | null = null;
  /** The commit that the state directory names as published last. */
  #notedCommit: string | undefined;
  /** Undefined where nobody wants to know what has changed. */
  readonly #accounts: Accounts | undefined;

  /** No generation is loaded yet. */
  constructor(options: GenerationsOptions) {
    const { judge, troubles, log, source, now, lostFile, events } = options;
    this.#options = options;
    this.#accounts = events && new Accounts(events);
    this.lost = new LostSignatures({ source, troubles, log, now, file: lostFile });
    this.#judge = judge;
    this.#numbers = new NumberHolding(options);
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

  /** How many files wait for a verdict. */
  get undecided(): number {
    return this.#served?.store.rejectedCodes.get('cannot-verify') ?? 0;
  }

  /** How many older files are served in place of some of those. */
  get olderServed(): number {
    return this.#served?.store.olderServed ?? 0;
  }

  /** Files that are not served because of a fault: rejected, or of a refused state. */
  *rejected(): Generator<RejectedFile> {
    if (this.#served) yield* this.#withoutRefused(this.#served.store.rejectedFiles());
    yield* this.#refusals.files();
  }

  /** Those of them that concern a digest, given as 64 lower-case hexadecimal digits. */
  rejectedOf(digestHex: string): readonly RejectedFile[] {
    return [
      ...this.#withoutRefused(this.#served?.store.rejectedOf(digestHex) ?? []),
      ...this.#refusals.filesOf(digestHex),
    ];
  }

  /** Whether every verdict in force holds now, and is by the newest judge. */
  isTrue(): boolean {
    if (!this.#served) return true;
    const { store, judge } = this.#served;
    return this.#again.isDone && judge === this.#judge && store.holdsAt(this.#options.now());
  }

  /** The next `renew` judges everything with another judge. */
  replaceJudge(judge: StoreJudge): void {
    this.#judge = judge;
    this.#refusals.forgetCost();
  }

  /** The next `renew` judges everything again. */
  judgeAnew(): void {
    this.#again.request();
    this.#refusals.forgetCost();
  }

  /**
   * After a restart, brings the state that was published last into force, if it is still here. It is
   * never refused.
   */
  async recall(): Promise<void> {
    await this.lost.open();
    const snapshot = await this.#options.source.recall();
    if (!snapshot) return;
    await this.#closing(snapshot, async () => {
      await this.#load(snapshot, { isLastServed: true });
      this.#notedCommit = snapshot.commit;
      this.#accounts?.begin(snapshot.commit);
      this.#options.log.info({ commit: snapshot.commit }, 'serving the last good state');
    });
  }

  /**
   * Renews the verdicts in force without asking the source: all of them if the judge was replaced or
   * somebody asked for it, else those that do not hold any more. Tells whether anything changed. Once
   * `isEnough` says so, what takes long is left for the next time.
   */
  async renew(isEnough: () => boolean): Promise<boolean> {
    if (!this.#served || this.isTrue()) return false;
    const before = this.#served;
    const isReloaded = before.judge !== this.#judge;
    if (isReloaded) {
      await this.#account('source', before.store.takeChanges());
      await this.#load(before.snapshot);
      await this.#account('verdicts', this.#served.store.changesSince(before.store));
    }
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
    if (changes > 0) {
      this.#publish(store, snapshot, judge);
      await this.lost.compareDecided(toState(store, snapshot));
    }
    await this.#account('verdicts', store.takeChanges());
    void judge.checkpoint?.keep(store, snapshot, Math.max(changes, renewed));
    assertRead(lapsed);
    assertRead(anew);
    return isReloaded || changes > 0;
  }

  /** Judges again files that are without a verdict; some at a time, until `isEnough` says so. */
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
      await this.lost.compareDecided(toState(store, snapshot));
      await this.#account('verdicts', store.takeChanges());
      void judge.checkpoint?.keep(store, snapshot, Math.max(1, before - this.undecided));
    }
    assertRead({ failure });
    return { hasProgress, isWhole };
  }

  /**
   * Brings the newest state of the source into force. Throws as the source does. `onDecided` is called
   * at the moment when it comes into force, with null, or when it is refused. Once `isEnough` says so,
   * files that take long are left without a verdict for now.
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
      await new Promise<void>(yieldToLookups);
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

  /** Whether the state directory names what is in force, or it was tried in vain. */
  get isNoted(): boolean {
    return this.#notedCommit === this.#served?.snapshot.commit;
  }

  /** Nothing that reads the source may be called afterwards. */
  async close(): Promise<void> {
    if (this.#isClosed || !this.#served) return;
    this.#isClosed = true;
    const { store, snapshot, judge } = this.#served;
    await Promise.all([
      this.lost.close(),
      this.#options.older?.keep(store),
      this.#numbers.keep(store),
      judge.checkpoint?.keepLast(store, snapshot),
    ]);
    await snapshot.close();
  }

  /** Does something with a snapshot, then closes the snapshots that are not in force. */
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
      // A clone that has lost the served commit cannot compare with it; load everything next time.
      if (!(error instanceof StateRefusedError)) this.#mustReload = true;
      // What is in force already is told, whatever becomes of the rest.
      const served = this.#served;
      if (served?.snapshot === snapshot) await this.#account('source', served.store.takeChanges());
      throw error;
    } finally {
      if (isNew) await tried?.end();
    }
  }

  async #judgeNewest(snapshot: Snapshot, isEnough: () => boolean): Promise<Advance> {
    const served = this.#served;
    const mayUpdate = served !== undefined && !this.#mustReload && served.judge === this.#judge;
    if (mayUpdate) return this.#update(served, snapshot, isEnough);
    const mayRefuse = this.#options.onInvalid === 'refuse';
    // What a refresh that failed halfway has left to tell.
    if (served) await this.#account('source', served.store.takeChanges());
    const loaded = await this.#load(snapshot, { mayRefuse });
    const { advance, store, left, sinceCheckpoint } = loaded;
    if (advance.result === 'changed') {
      // By other rules nobody could say whether the source or they have taken something away.
      const isComparable = served?.judge === this.#judge;
      const held = isComparable ? await holdAll(served.store) : NOTHING_HELD;
      // Git has recalled what was published last, if it is of the same branch.
      const earlier = served || snapshot.tree ? held : left;
      await this.lost.compare(earlier, toState(store, snapshot));
      await this.#account('source', served ? store.changesSince(served.store) : sinceCheckpoint);
    }
    return advance;
  }

  /** Tells what the state in force has changed; undefined where nobody knows what was before. */
  async #account(cause: Cause, changes: Iterable<StoreChange> | undefined): Promise<void> {
    if (this.#served) await this.#accounts?.tell(cause, this.#served, changes);
  }

  #publish(store: SignatureStore, snapshot: Snapshot, judge: StoreJudge): void {
    const isFirst = this.#served === undefined;
    const number = (this.#served?.generation.number ?? 0) + 1;
    const commit = snapshot.commit ?? null;
    const generation = { number, commit, loadedAt: this.#options.now().toISOString() };
    this.#served = { store, snapshot, judge, generation };
    void this.#options.older?.keep(store);
    void this.#numbers.keep(store);
    if (isFirst) this.#options.onFirstLoad(store, generation);
    this.#options.onPublish(store, generation);
    this.lost.revisit(store);
  }

  /** Loads all of a snapshot into a new store, which is swapped in when it is complete. */
  async #load(
    snapshot: Snapshot,
    { mayRefuse = false, isLastServed = false } = {},
  ): Promise<Loaded> {
    const { log, now } = this.#options;
    const judge = this.#judge;
    const served = this.#served;
    const { older } = this.#options;
    const remembered = served ? NOTHING_OLDER : ((await older?.read()) ?? NOTHING_OLDER);
    const job = { snapshot, judge, now: now(), served, remembered };
    const hold = async (loaded: SignatureStore): Promise<void> =>
      this.#numbers.hold(loaded, served?.store);
    const onRestored = async (restored: SignatureStore): Promise<void> => {
      await hold(restored);
      if (this.#accounts) restored.startJournal();
    };
    // What has changed since a checkpoint of an unknown age counts as a change of what was served.
    const isComparable = !served && !isLastServed;
    const loaded = await loadState({ ...job, onRestored: isComparable ? onRestored : undefined });
    const { store, renewed } = loaded;
    const sinceCheckpoint = store.hasJournal ? store.takeChanges() : undefined;
    if (!store.holdsNumbers) await hold(store);
    const faults = mayRefuse ? [...newFaults(store, served?.store)] : [];
    if (faults.length > 0) {
      const advance = this.#refusals.forFiles(faults, snapshot.commit);
      return { ...loaded, sinceCheckpoint, advance };
    }
    if (this.#accounts) store.startJournal();
    this.#mustReload = false;
    this.#again.restart();
    logRejections(log, store.rejectedFiles());
    this.#publish(store, snapshot, judge);
    void judge.checkpoint?.keep(store, snapshot, renewed);
    return { ...loaded, sinceCheckpoint, advance: { result: 'changed' } };
  }

  /** Gives numbers that no cache holds any more to the signatures that belong there; some at a time. */
  moveNumbers(): void {
    const store = this.#served?.store;
    if (store) this.#numbers.move(store);
  }

  /** Applies to the served store what has changed since the served snapshot. */
  async #update(
    { store, judge, generation, ...before }: ServedState,
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
    await new Promise<void>(yieldToLookups);
    const prepared = store.prepare([...changes, ...olderFor(changes, store)]);
    const rejected = [...prepared.rejectedFiles()];
    const faults = isRefusing ? broughtBy(changes, rejected, prepared.rejectedBefore()) : [];
    if (faults.length > 0) return this.#refusals.forFiles(faults, snapshot.commit);
    const held = await holdDirectories(store, directoriesOf(changes));
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
    await this.lost.compare(held, toState(store, snapshot));
    await this.#account('source', store.takeChanges());
    void judge.checkpoint?.keep(store, snapshot, changes.length);
    return { result: 'changed' };
  }

  /** Leaves out files that are listed already because the newest state is refused for them. */
  *#withoutRefused(files: Iterable<RejectedFile>): Generator<RejectedFile> {
    for (const file of files) if (!this.#refusals.hasFile(file.path)) yield file;
  }

  /** Notes a new generation in the state directory; it stays in force if that fails. */
  async #note(from: string | undefined, { snapshot, store }: ServedState): Promise<void> {
    const { source, log, troubles, older } = this.#options;
    const to = snapshot.commit;
    try {
      if (from && to && !(await source.isAncestor(from, to))) {
        log.warn({ from, to }, 'the history was rewritten; following the new one');
      }
      // First, or a start with this state would lack what is served in place of its files.
      await older?.keep(store);
      await this.#numbers.keep(store);
      // As well: what the next start does not compare any more has to be told already.
      await this.lost.settle();
      await this.#accounts?.settle();
      await source.keep(snapshot);
      troubles.clear('state-directory', NOTED);
    } catch (error) {
      const reason = messageOf(error);
      const message = 'cannot record in the state directory which state is served';
      log.warn({ error: reason }, message);
      troubles.raise('state-directory', { message: `${message}: ${reason}` }, NOTED);
    } finally {
      this.#notedCommit = to;
    }
  }
}

function toState(store: SignatureStore, { commit, origin }: Snapshot): ChangedState {
  return {
    store,
    commit: commit ?? null,
    findAuthor: async () => (await origin?.())?.author,
  };
}

function directoriesOf(files: readonly CheckedFile[]): ReadonlySet<string> {
  return new Set(files.flatMap(({ directory }) => directory ?? []));
}

function toRejected(file: JudgedFile): readonly RejectedFile[] {
  return [...reportOther(file)].filter(isRejected);
}

/**
 * A judge for `--on-invalid refuse`: once one file is rejected the state is refused anyway, so files that
 * may take long are not judged any more.
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

/** Rejected files that a change brings; a file that was rejected before is not the fault of this push. */
function broughtBy(
  changes: readonly CheckedFile[],
  rejected: readonly RejectedFile[],
  rejectedBefore: Iterable<RejectedFile>,
): readonly RejectedFile[] {
  const before = new Set<string>();
  for (const { path } of rejectedBefore) before.add(path);
  const changed = new Set(changes.map(({ path }) => path));
  return rejected.filter(({ path }) => changed.has(path) || !before.has(path));
}

/** Rejected files that the served store does not have, or has with another code. */
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

/** What stays served in place of new files that have no verdict yet. */
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
  for (const directory of directoriesOf(files)) {
    for (const file of store.filesIn(directory)) if (file.status === 'rejected') yield file;
  }
}
