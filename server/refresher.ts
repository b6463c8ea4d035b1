// When the source is asked. One refresh at a time; requests that come meanwhile become one
// more refresh, and the last of them wins. A refresh that fails, or that does not yet find
// the pushed commit, is tried again with back-off, and what was good is served on.
import type { RejectionCode } from '../generator/rejection.ts';
import type { RejectedFile } from '../generator/report.ts';
import { SourceError } from '../generator/sources/source.ts';
import type { SignatureStore } from '../generator/store.ts';
import {
  type Advance,
  type Generation,
  type Generations,
  type GenerationsOptions,
  createGenerations,
} from './generations.ts';
import { type Failures, LookupFailure, isUnexpected } from './follow/failures.ts';
import { messageOf } from '../generator/message-of.ts';
import { toLine } from '../generator/printable.ts';

/** What asked for a refresh. */
export type Reason = 'start' | 'webhook' | 'poll' | 'signal' | 'request' | 'change' | 'retry';

/** How a refresh went. */
export interface LastRefresh {
  /** ISO 8601. */
  readonly at: string;
  readonly reason: Reason;
  readonly result: Advance['result'] | 'failed';
  readonly durationMs: number;
}

export interface RefreshStatus {
  readonly generation: Generation | null;
  readonly lastRefresh: LastRefresh | null;
  /** When the refresh began that runs now, ISO 8601; null while none does. */
  readonly runningSince: string | null;
  /** Why the newest state of the source is not served; null when it is. */
  readonly lastError: { readonly at: string; readonly message: string } | null;
}

export interface Refresher extends Pick<
  Generations,
  'store' | 'rejected' | 'rejectedOf' | 'newestCommit' | 'replaceJudge'
> {
  /**
   * How many files are rejected, by code. Costs nothing, unless what is newest is refused as a whole:
   * then all of them are counted, once after each refresh.
   */
  readonly rejectedCodes: () => ReadonlyMap<RejectionCode, number>;
  /** Loads the source for the first time, and follows it from then on. */
  readonly start: () => void;
  readonly status: () => RefreshStatus;
  /** Asks for a refresh; with a commit, until that commit is served or back-off gives up. */
  readonly request: (reason: Reason, commit?: string) => void;
  /** Settles when the refresh that runs has ended; none follows. */
  readonly stop: () => Promise<void>;
}

export interface RefresherOptions extends GenerationsOptions {
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  /** Called when a refresh has ended, unless the stop cut it short. */
  readonly onRefresh: (refresh: LastRefresh) => void;
}

interface Request {
  readonly reason: Reason;
  /** Tries so far. */
  readonly attempt: number;
}

type Codes = ReadonlyMap<RejectionCode, number>;
const NO_CODES: Codes = new Map();

/** First and longest pause between tries, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 60_000;
/** A pushed commit that is not visible after this many tries (about 15 seconds) is given up. */
const COMMIT_TRIES = 7;

/** Makes a refresher that has not started. */
export function createRefresher(options: RefresherOptions): Refresher {
  const { source, log, onInvalid, onRefresh, troubles, failures } = options;
  const generations = createGenerations(options);
  let lastRefresh: LastRefresh | null = null;
  let lastError: RefreshStatus['lastError'] = null;
  let runningSince: string | null = null;
  /** A pushed commit that has not been seen yet. */
  let awaited: string | undefined;
  let pending: Request | undefined;
  let running: Promise<void> | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let stopped = false;

  const run = async ({ reason, attempt }: Request): Promise<void> => {
    const startedAt = performance.now();
    let result: LastRefresh['result'];
    try {
      result = await generations.advance(note);
    } catch (error) {
      if (error instanceof LookupFailure) throw error;
      // Cut short by the stop.
      if (stopped) return;
      if (isUnexpected(error)) failures.note('a refresh', error);
      const hint = error instanceof SourceError ? error.hint : undefined;
      note(`refresh failed: ${messageOf(error)}`, hint);
      troubles.raise('refresh-failed', { message: messageOf(error), hint });
      result = 'failed';
    }
    if (!generations.store()) await recall();
    if (result !== 'failed') troubles.clear('refresh-failed');
    if (result !== 'failed' && result !== 'refused') troubles.clear('state-refused');
    const durationMs = Math.round(performance.now() - startedAt);
    lastRefresh = { at: new Date().toISOString(), reason, result, durationMs };
    onRefresh(lastRefresh);
    if (result === 'changed') {
      const counts = countsOf(generations.store());
      log.info({ reason, ...generations.current(), durationMs, ...counts }, 'refreshed');
    }
    await retryIfNeeded({ reason: 'retry', attempt: attempt + 1 }, result);
  };

  /** Why the newest state is not in force, or null. */
  const note = (trouble: string | null, hint?: string): void => {
    lastError =
      trouble === null ? null : { at: new Date().toISOString(), message: toLine(trouble) };
    if (trouble !== null) log.error({ hint }, trouble);
  };

  const recall = async (): Promise<void> => {
    try {
      await generations.recall();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the state that was published last cannot be read');
    }
  };

  const retryIfNeeded = async (next: Request, result: LastRefresh['result']): Promise<void> => {
    if (awaited !== undefined && result !== 'failed' && (await hasCommit(awaited))) {
      awaited = undefined;
    }
    if (awaited !== undefined && next.attempt >= COMMIT_TRIES) {
      log.warn({ commit: awaited }, 'the pushed commit is not visible on the branch; given up');
      awaited = undefined;
    }
    if (result !== 'failed' && awaited === undefined) return;
    retryLater(next);
  };

  const retryLater = (next: Request): void => {
    if (stopped || pending) return;
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
      try {
        runningSince = new Date().toISOString();
        await run(request);
      } catch (error) {
        failures.note('a refresh', error);
        retryLater({ reason: 'retry', attempt: request.attempt + 1 });
      } finally {
        runningSince = null;
      }
    }
    running = undefined;
  };

  /** Files of a state that is refused are in no store, and do not change without a refresh. */
  let counted: { readonly since: LastRefresh | null; readonly codes: Codes } | undefined;
  const countRejected = (): Codes => {
    if (onInvalid === 'quarantine') return generations.store()?.rejectedCodes ?? NO_CODES;
    if (counted?.since !== lastRefresh) counted = undefined;
    counted ??= { since: lastRefresh, codes: countCodes(generations.rejected()) };
    return counted.codes;
  };

  return {
    store: generations.store,
    rejectedCodes: countRejected,
    rejected: generations.rejected,
    rejectedOf: generations.rejectedOf,
    newestCommit: generations.newestCommit,
    replaceJudge: generations.replaceJudge,
    start: () => enqueue({ reason: 'start', attempt: 0 }),
    status: () => ({ generation: generations.current(), lastRefresh, lastError, runningSince }),
    request: (reason, commit) => {
      // A retry comes anyway; a poll in its place would begin the back-off anew.
      if (reason === 'poll' && retryTimer !== undefined) return;
      awaited = commit ?? awaited;
      enqueue({ reason, attempt: 0 });
    },
    stop: async () => {
      stopped = true;
      pending = undefined;
      clearTimeout(retryTimer);
      await running;
    },
  };
}

function countsOf(store: SignatureStore | undefined): object {
  return { signatures: store?.signatures, repositories: store?.repositories, ...store?.summary };
}

function countCodes(files: Iterable<RejectedFile>): Codes {
  const counts = new Map<RejectionCode, number>();
  for (const { code } of files) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
