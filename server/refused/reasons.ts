// Why lookups found nothing, worked out when somebody asks, and remembered for as long as the same
// generation is in force.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Evidence,
  type SourceState,
  findReasons,
  guessReason,
} from '../../generator/explain/find-reasons.ts';
import type { Reason, ReasonCode } from '../../generator/explain/reason.ts';
import { messageOf } from '../../generator/message-of.ts';
import type { HistoryCommit, Source } from '../../generator/sources/source.ts';
import type { ProgramLog } from '../program-log.ts';
import type { Refresher } from '../refresher.ts';

export interface Reasons {
  /**
   * By directory; those that are not found out within `patience` milliseconds are left out, and
   * will be there the next time. A directory with signatures has no reason.
   */
  readonly of: (
    directories: readonly string[],
    patience: number,
  ) => Promise<ReadonlyMap<string, Reason>>;
  /** For a log: at once, unless git has to be asked, which it is now and then only. */
  readonly codeOf: (directory: string) => ReasonCode | Promise<ReasonCode>;
  /** The last commit up to a state that changed a path. */
  readonly lastChange: Evidence['lastChange'];
}

export interface ReasonsOptions {
  readonly source: Pick<Source, 'lastChange'>;
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'rejectedOf' | 'newestCommit'>;
  readonly log: ProgramLog;
}

/** What is remembered while one generation is in force, and no newer state is known. */
interface Known {
  readonly generation: number;
  readonly commits: Readonly<Record<SourceState, string | null>>;
  readonly changes: Map<string, Promise<HistoryCommit | undefined>>;
  readonly reasons: Map<string, Reason>;
}

/** So much is remembered; all of it is forgotten beyond. */
const MOST = 10_000;
/** How often git may be asked for a log: so many times at once, and once more in each interval. */
const QUESTIONS = 32;
/** Milliseconds. */
const INTERVAL = 500;
/** A line of a log waits so long for git. Milliseconds. */
const LOG_PATIENCE = 500;

export function createReasons({ source, refresher, log }: ReasonsOptions): Reasons {
  const { rejectedOf } = refresher;
  let known = forget(0, null, null);
  let working: Promise<unknown> = Promise.resolve();
  let asked = 0;
  let askedAt = 0;

  const current = (): Known => {
    const { number = 0, commit = null } = refresher.status().generation ?? {};
    const newest = refresher.newestCommit() ?? commit;
    const isFull = known.changes.size >= MOST || known.reasons.size >= MOST;
    if (known.generation !== number || known.commits.newest !== newest || isFull) {
      known = forget(number, commit, newest);
    }
    return known;
  };

  const ask = async (commit: string, path: string): Promise<HistoryCommit | undefined> => {
    try {
      return await source.lastChange(commit, path);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the history cannot be read');
      return undefined;
    }
  };

  const lastChange: Evidence['lastChange'] = async (path, upTo) => {
    const { commits, changes } = current();
    const commit = commits[upTo];
    if (commit === null) return undefined;
    const key = `${upTo} ${path}`;
    const change = changes.get(key) ?? ask(commit, path);
    changes.set(key, change);
    return change;
  };

  const lookUp = async (directories: readonly string[]): Promise<void> => {
    const store = refresher.store();
    const { reasons } = current();
    const missing = directories.filter((directory) => !reasons.has(directory));
    if (!store || missing.length === 0) return;
    const found = await findReasons(missing, { store, rejectedOf, lastChange });
    for (const [directory, reason] of found) reasons.set(directory, reason);
  };

  /** Whether git may be asked once more: strangers can ask for any number of images. */
  const mayAsk = (): boolean => {
    const intervals = Math.floor((performance.now() - askedAt) / INTERVAL);
    if (intervals > 0) {
      asked = Math.max(0, asked - intervals);
      askedAt = performance.now();
    }
    if (asked >= QUESTIONS) return false;
    asked++;
    return true;
  };

  return {
    lastChange,
    of: async (directories, patience) => {
      const { reasons } = current();
      // One after another: those that come meanwhile find what the first has found.
      const done = working.then(async () => lookUp(directories));
      working = done.catch((error: unknown) =>
        log.error({ error: messageOf(error) }, 'reasons cannot be worked out'),
      );
      await Promise.race([working, sleep(patience, undefined, { ref: false })]);
      return new Map(
        directories.flatMap((directory) => {
          const reason = reasons.get(directory);
          return reason ? [[directory, reason] as const] : [];
        }),
      );
    },
    codeOf: (directory) => {
      const store = refresher.store();
      const { commits, changes, reasons } = current();
      const told = reasons.get(directory)?.code;
      if (told !== undefined || !store) return told ?? 'unknown-repository';
      const guess = guessReason({ store, rejectedOf }, directory);
      if (guess === 'quarantined' || commits.served === null) return guess;
      if (!changes.has(`served ${directory}`) && !mayAsk()) return guess;
      return Promise.race([
        lastChange(directory, 'served').then((change) => (change ? 'removed' : guess)),
        sleep(LOG_PATIENCE, guess, { ref: false }),
      ]);
    },
  };
}

function forget(generation: number, served: string | null, newest: string | null): Known {
  return { generation, commits: { served, newest }, changes: new Map(), reasons: new Map() };
}
