// The states of the store, one after another: how a snapshot of the source becomes the next
// one, in one step, or is refused; and how the one in force stays true while time goes by. What is
// in force stays so until something whole takes its place.
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { checkEntries } from '../generator/check-entries.ts';
import { type CheckedFile, withoutDetail } from '../generator/checked-file.ts';
import type { StoreMemory } from '../generator/image/store-memory.ts';
import {
  type FindStanding,
  type JudgeAgainOptions,
  type JudgedAgain,
  judgeAgain,
  withPauses,
} from '../generator/judge-again.ts';
import type { Judge, Signature } from '../generator/judge.ts';
import { loadStore } from '../generator/load-store.ts';
import { messageOf } from '../generator/message-of.ts';
import { DEFERRED } from '../generator/openpgp/open-message.ts';
import { toPrintable } from '../generator/printable.ts';
import type { Memory } from '../generator/remembering-judge.ts';
import { RejectedIndex } from '../generator/rejected-index.ts';
import { type Rejection, isRejection } from '../generator/rejection.ts';
import { type RejectedFile, isRejected, reportOther } from '../generator/report.ts';
import { type Snapshot, type Source, StateRefusedError } from '../generator/sources/source.ts';
import type { JudgedFile, SignatureStore } from '../generator/store.ts';
import type { VerdictTerms } from '../generator/verdict-terms.ts';
import { afterLookups } from './after-lookups.ts';
import { inTheWay } from './follow/failures.ts';
import type { Troubles } from './follow/troubles.ts';
import type { TriedCommit } from './follow/tried-commit.ts';
import type { ProgramLog } from './program-log.ts';

/** One state of the store. */
export interface Generation {
  /** Counts from 1 in this process. */
  readonly number: number;
  readonly commit: string | null;
  /** ISO 8601. */
  readonly loadedAt: string;
}

/** What a snapshot led to. */
export type Advance =
  | { readonly result: 'changed' | 'unchanged' }
  | {
      readonly result: 'refused';
      readonly reason: string;
      readonly hint?: string | undefined;
      /** After so many milliseconds it is to be tried again, though nothing new has come. */
      readonly again?: number;
    };

/** A judge, and what it may know of earlier runs. */
export interface StoreJudge extends Judge, Partial<Memory & StoreMemory> {
  /** Judges without what it remembers, and remembers nothing. */
  readonly anew?: Judge['judge'];
  /** Tells whether another judge would say the same; absent where that cannot be told. */
  readonly terms?: VerdictTerms;
}

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
  /** Called once, when the first generation is loaded. */
  readonly onFirstLoad: (store: SignatureStore, generation: Generation) => void;
  /** Called with each generation, the first one too. */
  readonly onPublish: (store: SignatureStore, generation: Generation) => void;
}

/** What a pass over the files that wait for a verdict came to. */
export interface RetriedUndecided {
  /** Whether any of them is decided now. */
  readonly hasProgress: boolean;
  /** Whether there was time for all of them. */
  readonly isWhole: boolean;
}

/** Rejected files that are named in the log at one advance; the status lists all. */
const LOGGED_REJECTIONS = 20;
/**
 * What files in an unusual form, which may keep gpgv busy for seconds each, may hold up the first
 * generation, and a later one. Milliseconds. The others of them are judged afterwards.
 */
const FIRST_PATIENCE = 30_000;
const PATIENCE = 5000;
/** Files that wait for a verdict and are asked for in one pass. */
const UNDECIDED_AT_ONCE = 1000;

/** The part of the server that has a trouble with the state directory here. */
const NOTED = 'served state';

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
  /** Set when every verdict is to be asked for again, from the first file on. */
  #mustJudgeAnew = false;
  /** Where that goes on, if it was broken off. */
  #anew: Iterator<JudgedFile> | undefined;
  /** Files of the served store that there was no time for when all were. */
  #owed: readonly JudgedFile[] = [];
  #isClosed = false;
  /** By path. */
  #refused: ReadonlyMap<string, RejectedFile> = new Map();
  #refusedIndex = new RejectedIndex();
  #newestCommit: string | null = null;
  /** A commit that was refused for what it costs, and why. */
  #costly: { readonly commit: string; readonly error: StateRefusedError } | undefined;
  /** Paths of files without a verdict that were asked for in this round. */
  readonly #asked = new Set<string>();

  /** No generation is loaded yet. */
  constructor(options: GenerationsOptions) {
    this.#options = options;
    this.#judge = options.judge;
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

  /** Files that are not served because of a fault: quarantined, or of a refused state. */
  *rejected(): Generator<RejectedFile> {
    if (this.#served) yield* this.#withoutRefused(this.#served.store.rejectedFiles());
    yield* this.#refused.values();
  }

  /** Those that have to do with a digest, given as 64 lower-case hexadecimal digits. */
  rejectedOf(hex: string): readonly RejectedFile[] {
    return [
      ...this.#withoutRefused(this.#served?.store.rejectedOf(hex) ?? []),
      ...this.#refusedIndex.of(hex),
    ];
  }

  /** Whether every verdict in force is true at this moment, and by the judge that was given last. */
  isTrue(): boolean {
    if (!this.#served) return true;
    const { store, judge } = this.#served;
    const isDone = !this.#mustJudgeAnew && !this.#anew && this.#owed.length === 0;
    return isDone && judge === this.#judge && store.holdsAt(this.#options.now());
  }

  /** Everything is judged by another rule, when `renew` is called next. */
  replaceJudge(judge: StoreJudge): void {
    this.#judge = judge;
    this.#costly = undefined;
  }

  /** Every verdict is asked for again when `renew` is called next. */
  judgeAnew(): void {
    this.#mustJudgeAnew = true;
    this.#costly = undefined;
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
    const job = {
      ...this.#served,
      now: this.#options.now(),
      isEnough,
      inOneStep: inTheWay,
      mayBreakOff: true,
    };
    const lapsed = await renewLapsed(job);
    const anew = await this.#goOnAnew(store, {
      ...job,
      judge: { ...judge, judge: judge.anew ?? judge.judge },
      onGood: (file) => judge.remember?.(file),
    });
    const changes = anew.changes + lapsed.changes;
    logRejections(this.#options.log, [...anew.rejected, ...lapsed.rejected].flatMap(toRejected));
    if (changes > 0) {
      this.#publish(store, snapshot, judge);
      void judge.keep?.(store, snapshot, changes);
    }
    assertRead(lapsed);
    assertRead(anew);
    return isReloaded || changes > 0;
  }

  /** Judges everything anew, or goes on with that. */
  async #goOnAnew(store: SignatureStore, job: JudgeAgainOptions): Promise<JudgedAgain> {
    if (this.#mustJudgeAnew) this.#anew = store.judged();
    this.#mustJudgeAnew = false;
    const owed = this.#owed.filter((file) => isIn(store, file));
    const iterator = this.#anew;
    let isAtEnd = true;
    let taken = 0;
    const files = function* (): Generator<JudgedFile> {
      for (let file = owed[taken++]; file; file = owed[taken++]) yield file;
      if (!iterator) return;
      isAtEnd = false;
      // Not by a loop, which would end it when it is broken off.
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) yield next.value;
      isAtEnd = true;
    };
    const judged = await judgeAgain(files(), job);
    if (isAtEnd) this.#anew = undefined;
    this.#owed = [...owed.slice(taken), ...judged.left];
    return judged;
  }

  /** Asks again for verdicts that nobody could give; some at a time, until it is enough. */
  async retryUndecided(isEnough: () => boolean): Promise<RetriedUndecided> {
    if (!this.#served) return { hasProgress: false, isWhole: true };
    const { store, snapshot, judge } = this.#served;
    const before = this.undecided;
    const waiting = [...store.undecided()].filter(({ path }) => !this.#asked.has(path));
    // Those first that nobody has been asked for yet.
    const inOrder = [...waiting.filter(isDeferred), ...waiting.filter((file) => !isDeferred(file))];
    const taken = inOrder.slice(0, UNDECIDED_AT_ONCE);
    const job = { ...this.#served, now: this.#options.now(), isEnough, inOneStep: inTheWay };
    const { left, failure } = await judgeAgain(taken, job);
    const rest = new Set(left);
    for (const file of taken) if (!rest.has(file)) this.#asked.add(file.path);
    const isWhole = left.length === 0 && taken.length === waiting.length;
    if (isWhole) this.#asked.clear();
    const hasProgress = this.undecided < before;
    if (hasProgress) this.#publish(store, snapshot, judge);
    assertRead({ failure });
    return { hasProgress, isWhole };
  }

  /**
   * Brings the newest state of the source into force. Throws as the source does. `onDecided` is
   * called at that very moment: with null, or with the reason why the state is refused. Once it is
   * enough, files that take long are left without a verdict.
   */
  async advance(
    onDecided: (refusal: string | null, hint?: string) => void,
    isEnough: () => boolean,
  ): Promise<Advance> {
    const before = this.#served?.snapshot.commit;
    const advance = await this.#advance(isEnough);
    if (advance.result === 'refused') {
      onDecided(advance.reason, advance.hint);
      return advance;
    }
    this.#setRefused([]);
    onDecided(null);
    if (advance.result === 'changed' && this.#served) {
      await new Promise<void>(afterLookups);
      await this.#note(before, this.#served.snapshot);
    }
    return advance;
  }

  async #advance(isEnough: () => boolean): Promise<Advance> {
    try {
      const snapshot = await this.#options.source.refresh();
      return await this.#closing(snapshot, async () => this.#take(snapshot, isEnough));
    } catch (error) {
      if (error instanceof StateRefusedError) return this.#refuseCost(error);
      throw error;
    }
  }

  /** Nothing may be asked for afterwards that reads the source. */
  async close(): Promise<void> {
    if (!this.#isClosed) await this.#served?.snapshot.close();
    this.#isClosed = true;
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
    if (commit !== undefined && commit === this.#costly?.commit) throw this.#costly.error;
    const isNew = commit !== undefined && commit !== this.#served?.snapshot.commit;
    const pause = isNew && this.#served ? await tried?.pauseFor(commit) : undefined;
    if (commit !== undefined && pause !== undefined) return this.#postpone(commit, pause);
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
    if (isFirst) this.#options.onFirstLoad(store, generation);
    this.#options.onPublish(store, generation);
  }

  /** All of a snapshot, into a store of its own: swapped when it is whole. */
  async #load(snapshot: Snapshot, mayRefuse: boolean): Promise<Advance> {
    const judge = this.#judge;
    const now = this.#options.now();
    const restored = await judge.restore?.(snapshot, now);
    const store = restored ?? (await this.#loadAnew(snapshot, judge, now));
    await this.#settle(store, snapshot, judge, now);
    if (restored) await this.#remember(store, snapshot, judge, now);
    const faults = mayRefuse ? [...newFaults(store, this.#served?.store)] : [];
    if (faults.length > 0) return this.#refuse(faults, faults.length, snapshot);
    this.#mustReload = false;
    this.#owed = [];
    if (this.#anew) this.#mustJudgeAnew = true;
    logRejections(this.#options.log, store.rejectedFiles());
    this.#publish(store, snapshot, judge);
    void judge.keep?.(store, snapshot, 0);
    if (restored) void judge.condense?.(restored);
    return { result: 'changed' };
  }

  /** By looking at every file. */
  async #loadAnew(snapshot: Snapshot, judge: StoreJudge, now: Date): Promise<SignatureStore> {
    await this.#recallVerdicts(judge);
    try {
      return await loadStore(snapshot, judge, now, undefined, { effort: 'quick' });
    } finally {
      await judge.release?.('all');
    }
  }

  /** Judges what a load has left, in a store that nobody looks into yet. */
  async #settle(
    store: SignatureStore,
    snapshot: Snapshot,
    judge: StoreJudge,
    now: Date,
  ): Promise<void> {
    const isEnough = patience(FIRST_PATIENCE);
    const findStanding = this.#findStanding(judge, store);
    const job = { store, snapshot, judge, now, isEnough, findStanding };
    assertRead(await renewLapsed(job));
    assertRead(await judgeAgain([...store.undecided()], job));
  }

  /** Looks up verdicts of earlier runs on files for which there is none now. */
  async #remember(
    store: SignatureStore,
    snapshot: Snapshot,
    judge: StoreJudge,
    now: Date,
  ): Promise<void> {
    const waiting = [...store.undecided()];
    if (waiting.length === 0 || !judge.recall) return;
    const job = { store, snapshot, judge, now, isEnough: () => true, onlyQuick: true };
    await this.#recallVerdicts(judge);
    try {
      assertRead(await judgeAgain(waiting, job));
    } finally {
      await judge.release?.('some');
    }
  }

  /** Without what was judged before, everything is judged anew. */
  async #recallVerdicts(judge: StoreJudge): Promise<void> {
    try {
      await judge.recall?.();
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'remembered verdicts cannot be read');
    }
  }

  /** What is served on where no verdict can be had: by this rule, or by one that says the same of it. */
  #findStanding(judge: StoreJudge, next: SignatureStore): FindStanding {
    const served = this.#served;
    return ({ directory, path }, wanted) => {
      for (const store of [next, served?.store]) {
        const file = directory === undefined ? undefined : store?.fileAt(directory, path);
        if (file?.kind !== 'publishable' || file.signature.hash !== wanted) continue;
        if (store === next || served?.judge === judge) return file.signature;
        const terms = served?.judge.terms?.format(file.signature);
        const again = terms === undefined ? undefined : judge.terms?.parse(terms);
        if (!again) continue;
        const { status, bytes, hash, claims, signedAt, validFrom, validUntil } = file.signature;
        const { signer, scope, meets, warnings, gpgv } = again;
        const own = { status, bytes, hash, claims, signedAt, validFrom, validUntil };
        return { ...own, signer, scope, meets, warnings, gpgv };
      }
      return undefined;
    };
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
    const held: JudgedFile[] = [];
    const entries = snapshot.changesSince(before.snapshot);
    const judging = isRefusing ? judgeUntilRefused(judge) : judge;
    for await (const file of checkEntries(snapshot, entries, judging, now, 'quick')) {
      if (!isRefusing && isHeldBack(file, store)) held.push(file);
      else changes.push(withoutDetail(file));
    }
    if (changes.length + held.length === 0 && snapshot.commit === before.snapshot.commit) {
      this.#served = { store, snapshot, judge, generation };
      return { result: 'unchanged' };
    }
    await new Promise<void>(afterLookups);
    const prepared = store.prepare(changes);
    const rejected = [...prepared.rejectedFiles()];
    const faults = isRefusing ? broughtBy(changes, rejected, store) : [];
    if (faults.length > 0) return this.#refuse(faults, faults.length, snapshot);
    inTheWay(() => prepared.apply());
    const deferred = changes.filter(isDeferred);
    const isWaiting = deferred.length + held.length > 0;
    if (!isWaiting) logRejections(log, rejected);
    if (!isWaiting || changes.length > deferred.length) this.#publish(store, snapshot, judge);
    if (isWaiting) {
      const isLate = patience(PATIENCE);
      const job = { store, snapshot, judge, now, isEnough: isLate, inOneStep: inTheWay };
      // These for their whole time, whoever waits: without a verdict they end what they replace.
      const first = await judgeAgain(held, job);
      const isOver = (): boolean => isEnough() || isLate();
      const second = await judgeAgain(deferred, { ...job, isEnough: isOver });
      assertRead(first);
      assertRead(second);
      const waiting = store.prepare([...first.left, ...second.left]);
      inTheWay(() => waiting.apply());
      logRejections(log, rejectedBeside([...held, ...changes], store));
      this.#publish(store, snapshot, judge);
    }
    void judge.keep?.(store, snapshot, changes.length + held.length);
    return { result: 'changed' };
  }

  #refuse(files: readonly RejectedFile[], count: number, { commit }: Snapshot): Advance {
    this.#setRefused(files);
    logRejections(this.#options.log, files);
    const what = commit ? `commit ${commit}` : 'the newest state';
    const faults = count === 1 ? '1 rejected file' : `${count} rejected files`;
    const reason = `${what} is refused: ${faults}${this.#keptWords()}`;
    this.#options.troubles.raise('state-refused', { message: reason, commit });
    return { result: 'refused', reason };
  }

  /** A state that costs too much is not looked at again until something new comes. */
  #refuseCost(error: StateRefusedError): Advance {
    const { message, origin, hint } = error;
    const { commit, author } = origin;
    const what = commit === undefined ? 'the newest state' : `commit ${commit}`;
    const reason = `${what} is refused: ${message}${this.#keptWords()}`;
    this.#options.troubles.raise('state-refused', { message: reason, hint, commit, author });
    if (commit !== undefined) {
      this.#newestCommit = commit;
      this.#costly = { commit, error };
    }
    return { result: 'refused', reason, hint };
  }

  /** A state at which earlier runs have died waits, so that what is good is served meanwhile. */
  #postpone(commit: string, pause: number): Advance {
    const minutes = Math.ceil(pause / 60_000);
    const reason =
      `commit ${commit} waits for ${minutes} min: the server was ended while it judged it` +
      this.#keptWords();
    const hint = 'Look for what ended it, such as a limit of memory that is too low.';
    this.#options.troubles.raise('state-refused', { message: reason, hint, commit });
    this.#newestCommit = commit;
    return { result: 'refused', reason, hint, again: pause };
  }

  #keptWords(): string {
    return this.#served ? '; the last good state is kept' : '';
  }

  #setRefused(files: readonly RejectedFile[]): void {
    this.#refused = new Map(files.map((file) => [file.path, file]));
    this.#refusedIndex = new RejectedIndex();
    this.#refusedIndex.add(files);
  }

  /** A file may be rejected in the served state too. */
  *#withoutRefused(files: Iterable<RejectedFile>): Generator<RejectedFile> {
    for (const file of files) if (!this.#refused.has(file.path)) yield file;
  }

  /** Notes a new generation in the state directory; it is in force whether or not that works. */
  async #note(from: string | undefined, snapshot: Snapshot): Promise<void> {
    const { source, log, troubles } = this.#options;
    const to = snapshot.commit;
    try {
      if (from && to && !(await source.isAncestor(from, to))) {
        log.warn({ from, to }, 'the history was rewritten; following it');
      }
      await source.keep(snapshot);
      troubles.clear('state-directory', NOTED);
    } catch (error) {
      const reason = messageOf(error);
      const message = 'the served state could not be noted in the state directory';
      log.warn({ error: reason }, message);
      troubles.raise('state-directory', { message: `${message}: ${reason}` }, NOTED);
    }
  }
}

/** Tells whether so many milliseconds have gone by. */
export function patience(milliseconds: number): () => boolean {
  const end = performance.now() + milliseconds;
  return () => performance.now() >= end;
}

/** Judges again what does not hold, and finds what lapses next. */
async function renewLapsed(job: JudgeAgainOptions): Promise<JudgedAgain> {
  const { store, now } = job;
  if (store.holdsAt(now)) return { changes: 0, rejected: [], left: [], failure: undefined };
  const again = await judgeAgain(store.lapsed(now), job);
  // Once more, as those that were replaced no longer count. What was left for later is found again.
  const rest = withPauses(store.lapsed(now));
  while (!(await rest.next()).done);
  return again;
}

/** Throws why some of the files could not be read. */
function assertRead({ failure }: Pick<JudgedAgain, 'failure'>): void {
  if (failure) throw failure;
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

function isDeferred(file: CheckedFile): file is JudgedFile {
  return file.kind === 'rejected' && file.rejection === DEFERRED;
}

/** Whether a file is still what a store has under its path. */
function isIn(store: SignatureStore, file: JudgedFile): boolean {
  return file.directory !== undefined && store.fileAt(file.directory, file.path) === file;
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

/** Whether a file waits for its verdict in whose place another one is served until then. */
function isHeldBack(file: CheckedFile, store: SignatureStore): file is JudgedFile {
  if (!isDeferred(file) || file.directory === undefined) return false;
  return store.fileAt(file.directory, file.path)?.kind === 'publishable';
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

function logRejections(log: ProgramLog, files: Iterable<RejectedFile>): void {
  let logged = 0;
  for (const { path, code, message, hint } of files) {
    if (logged++ === LOGGED_REJECTIONS) {
      log.warn('more files are rejected; the status lists them all');
      return;
    }
    log.warn({ path: toPrintable(path), code, hint }, `rejected: ${message}`);
  }
}
