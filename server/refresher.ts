// Keeps the store in step with its source. One refresh at a time; requests that come
// meanwhile become one more refresh, and the last of them wins. A refresh that fails, or
// that does not yet find the pushed commit, is tried again with back-off, and what was good
// is served on.
import { checkEntries } from '../generator/check-entries.ts';
import type { CheckedFile } from '../generator/checked-file.ts';
import type { Judge } from '../generator/judge.ts';
import { loadStore } from '../generator/load-store.ts';
import { toPrintable } from '../generator/printable.ts';
import { isRejection } from '../generator/rejection.ts';
import type { RejectedFile } from '../generator/report.ts';
import { type Snapshot, type Source, SourceError } from '../generator/sources/source.ts';
import type { SignatureStore } from '../generator/store.ts';
import type { ProgramLog } from './program-log.ts';

/** What asked for a refresh. */
export type Reason = 'start' | 'webhook' | 'poll' | 'signal' | 'request' | 'change' | 'retry';

/** One state of the store. */
export interface Generation {
  /** Counts from 1 in this process. */
  readonly number: number;
  readonly commit: string | null;
  /** ISO 8601. */
  readonly loadedAt: string;
}

/** How the last refresh went. */
export interface LastRefresh {
  /** ISO 8601. */
  readonly at: string;
  readonly reason: Reason;
  readonly result: 'changed' | 'unchanged' | 'refused' | 'failed';
  readonly durationMs: number;
}

export interface RefreshStatus {
  readonly generation: Generation | null;
  readonly lastRefresh: LastRefresh | null;
  /** Why the newest state of the source is not served; null when it is. */
  readonly lastError: { readonly at: string; readonly message: string } | null;
}

export interface Refresher {
  /** Loads the source for the first time, and follows it from then on. */
  readonly start: () => void;
  readonly store: () => SignatureStore | undefined;
  readonly status: () => RefreshStatus;
  /** Files that are not served because of a fault: quarantined, or of a refused state. */
  readonly rejected: () => Iterable<RejectedFile>;
  /** Asks for a refresh; with a commit, until that commit is served or back-off gives up. */
  readonly request: (reason: Reason, commit?: string) => void;
  /** Judges everything anew by another rule, then swaps. */
  readonly replaceJudge: (judge: Judge) => void;
  /** Settles when the refresh that runs has ended; none follows. */
  readonly stop: () => Promise<void>;
}

export interface RefresherOptions {
  readonly source: Source;
  readonly judge: Judge;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly log: ProgramLog;
  /** Called once, when the first generation is loaded. */
  readonly onFirstLoad: (store: SignatureStore, generation: Generation) => void;
}

interface Request {
  readonly reason: Reason;
  /** Tries so far. */
  readonly attempt: number;
}

/** First and longest pause between tries, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 60_000;
/** A pushed commit that is not visible after this many tries (about 15 seconds) is given up. */
const COMMIT_TRIES = 7;
/** Rejected files that are named in the log at one refresh; the status lists all. */
const LOGGED_REJECTIONS = 20;

type Outcome = LastRefresh['result'];

/** Makes a refresher that has not started. */
export function createRefresher(options: RefresherOptions): Refresher {
  const { source, onInvalid, log, onFirstLoad } = options;
  let { judge } = options;
  let store: SignatureStore | undefined;
  let served: Snapshot | undefined;
  let judgeIsNew = false;
  /** Set when the served snapshot could not be compared with a newer one. */
  let isIncomparable = false;
  let generation: Generation | null = null;
  let lastRefresh: LastRefresh | null = null;
  let lastError: RefreshStatus['lastError'] = null;
  let refused: readonly RejectedFile[] = [];
  /** A pushed commit that has not been seen yet. */
  let awaited: string | undefined;
  let pending: Request | undefined;
  let running: Promise<void> | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let stopped = false;

  const publish = (next: SignatureStore, snapshot: Snapshot): void => {
    const isFirst = store === undefined;
    store = next;
    served = snapshot;
    const number = (generation?.number ?? 0) + 1;
    generation = { number, commit: snapshot.commit ?? null, loadedAt: new Date().toISOString() };
    if (isFirst) onFirstLoad(next, generation);
  };

  /** All of a snapshot, into a store of its own. */
  const load = async (snapshot: Snapshot, mayRefuse: boolean): Promise<Outcome> => {
    const judgedBy = judge;
    const next = await loadStore(snapshot, judgedBy, new Date());
    const { rejected } = next.summary;
    if (mayRefuse && rejected > 0) return refuse([...next.rejectedFiles()], rejected, snapshot);
    judgeIsNew = judge !== judgedBy;
    isIncomparable = false;
    logRejections(log, next.rejectedFiles());
    publish(next, snapshot);
    return 'changed';
  };

  /** What changed since the served snapshot, into the served store. */
  const update = async (
    current: SignatureStore,
    before: Snapshot,
    snapshot: Snapshot,
  ): Promise<Outcome> => {
    const now = new Date();
    const changes: CheckedFile[] = [];
    if (onInvalid === 'quarantine') changes.push(...(await judgeExpired(current, judge, now)));
    const entries = snapshot.changesSince(before);
    for await (const file of checkEntries(snapshot, entries, judge, now)) changes.push(file);
    if (changes.length === 0 && snapshot.commit === before.commit) {
      served = snapshot;
      return 'unchanged';
    }
    const prepared = current.prepare(changes);
    const rejected = [...prepared.rejectedFiles()];
    if (onInvalid === 'refuse' && prepared.rejected > 0) {
      return refuse(rejected, prepared.rejected, snapshot);
    }
    prepared.apply();
    logRejections(log, rejected);
    publish(current, snapshot);
    return 'changed';
  };

  const refuse = (files: readonly RejectedFile[], count: number, snapshot: Snapshot): Outcome => {
    refused = files;
    logRejections(log, files);
    const what = snapshot.commit ? `commit ${snapshot.commit}` : 'the newest state';
    fail(`${what} is refused: ${count} rejected files; the last good state is kept`);
    return 'refused';
  };

  const fail = (message: string, hint?: string): void => {
    lastError = { at: new Date().toISOString(), message };
    log.error({ hint }, message);
  };

  const refresh = async (): Promise<Outcome> => {
    const snapshot = await source.refresh();
    try {
      const before = served;
      const outcome =
        store && before && !judgeIsNew && !isIncomparable
          ? await update(store, before, snapshot)
          : await load(snapshot, onInvalid === 'refuse');
      if (outcome === 'refused') return outcome;
      lastError = null;
      refused = [];
      if (outcome === 'changed') await afterChange(before, snapshot);
      return outcome;
    } catch (error) {
      // A clone that has lost the served commit never compares: the next try loads everything.
      isIncomparable = true;
      throw error;
    } finally {
      await snapshot.close();
    }
  };

  const afterChange = async (before: Snapshot | undefined, snapshot: Snapshot): Promise<void> => {
    try {
      if (
        before?.commit &&
        snapshot.commit &&
        !(await source.isAncestor(before.commit, snapshot.commit))
      ) {
        log.warn(
          { from: before.commit, to: snapshot.commit },
          'the history was rewritten; following it',
        );
      }
      await source.keep(snapshot);
    } catch (error) {
      log.warn(
        { error: messageOf(error) },
        'the served state could not be noted in the state directory',
      );
    }
  };

  /** Without a first generation: what was published before a restart, if it is still here. */
  const recall = async (): Promise<void> => {
    try {
      const snapshot = await source.recall();
      if (!snapshot) return;
      try {
        await load(snapshot, false);
        log.warn({ commit: snapshot.commit }, 'serving the state that was published last');
      } finally {
        await snapshot.close();
      }
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the state that was published last cannot be read');
    }
  };

  const run = async ({ reason, attempt }: Request): Promise<void> => {
    const startedAt = performance.now();
    let result: Outcome;
    try {
      result = await refresh();
    } catch (error) {
      // Cut short by the stop.
      if (stopped) return;
      fail(
        `refresh failed: ${messageOf(error)}`,
        error instanceof SourceError ? error.hint : undefined,
      );
      result = 'failed';
    }
    if (!store) await recall();
    const durationMs = Math.round(performance.now() - startedAt);
    lastRefresh = { at: new Date().toISOString(), reason, result, durationMs };
    if (result === 'changed') {
      log.info({ reason, ...generation, durationMs, ...countsOf(store) }, 'refreshed');
    }
    await retryIfNeeded({ reason: 'retry', attempt: attempt + 1 }, result);
  };

  const retryIfNeeded = async (next: Request, result: Outcome): Promise<void> => {
    if (awaited !== undefined && result !== 'failed' && (await hasCommit(awaited))) {
      awaited = undefined;
    }
    if (awaited !== undefined && next.attempt >= COMMIT_TRIES) {
      log.warn({ commit: awaited }, 'the pushed commit is not visible on the branch; given up');
      awaited = undefined;
    }
    if (stopped || pending || (result !== 'failed' && awaited === undefined)) return;
    const pause = Math.min(FIRST_PAUSE * 2 ** (next.attempt - 1), LONGEST_PAUSE);
    retryTimer = setTimeout(() => enqueue(next), pause);
  };

  const hasCommit = async (commit: string): Promise<boolean> => {
    try {
      return await source.hasCommit(commit);
    } catch (error) {
      log.warn({ commit, error: messageOf(error) }, 'the pushed commit cannot be looked for');
      return false;
    }
  };

  const enqueue = (request: Request): void => {
    if (stopped) return;
    clearTimeout(retryTimer);
    retryTimer = undefined;
    pending = request;
    running ??= work();
  };

  const work = async (): Promise<void> => {
    while (pending) {
      const request = pending;
      pending = undefined;
      await run(request);
    }
    running = undefined;
  };

  return {
    start: () => enqueue({ reason: 'start', attempt: 0 }),
    store: () => store,
    status: () => ({ generation, lastRefresh, lastError }),
    rejected: function* () {
      if (store) yield* store.rejectedFiles();
      yield* refused;
    },
    request: (reason, commit) => {
      // A retry comes anyway; a poll in its place would begin the back-off anew.
      if (reason === 'poll' && retryTimer !== undefined) return;
      awaited = commit ?? awaited;
      enqueue({ reason, attempt: 0 });
    },
    replaceJudge: (next) => {
      judge = next;
      judgeIsNew = true;
    },
    stop: async () => {
      stopped = true;
      pending = undefined;
      clearTimeout(retryTimer);
      await running;
    },
  };
}

async function judgeExpired(
  store: SignatureStore,
  judge: Judge,
  now: Date,
): Promise<readonly CheckedFile[]> {
  return Promise.all(
    store.expired(now).map(async (file): Promise<CheckedFile> => {
      const signature = await judge(file.location, file.signature.bytes, now);
      return isRejection(signature)
        ? { kind: 'rejected', path: file.path, rejection: signature }
        : { kind: 'publishable', path: file.path, location: file.location, signature };
    }),
  );
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

function countsOf(store: SignatureStore | undefined): object {
  return { signatures: store?.signatures, repositories: store?.repositories, ...store?.summary };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
