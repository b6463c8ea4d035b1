// Why lookups found nothing, worked out when somebody asks, and remembered for as long as nothing
// changes.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Evidence, findReasonsOneByOne } from '../../generator/explain/find-reasons.ts';
import type { Reason, ReasonCode } from '../../generator/explain/reason.ts';
import type { HistoryChange, Source } from '../../generator/sources/source.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Refresher } from '../follow/refresher.ts';
import { type Failures, isUnexpected } from '../troubles/failures.ts';
import { createLoggedReasons } from './logged-reasons.ts';

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
  /** The last commit up to a state that changed a path; undefined where git cannot tell. */
  readonly lastChange: Evidence['lastChange'];
}

export interface ReasonsOptions {
  readonly source: Pick<Source, 'lastChange'>;
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'rejectedOf' | 'newestCommit'>;
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  readonly log: ProgramLog;
}

/** What is remembered while the same is served, and the same is known to be newer. */
interface Known {
  /** Changes with what is served, and with what is known to be newer. */
  readonly stamp: string;
  readonly commits: { readonly served: string | null; readonly newest: string | null };
  readonly trouble: string | undefined;
  readonly changes: Map<string, Promise<HistoryChange | undefined>>;
  readonly reasons: Map<string, Reason>;
}

/** So much is remembered; all of it is forgotten beyond. */
const MOST = 20_000;

export function createReasons({ source, refresher, failures, log }: ReasonsOptions): Reasons {
  const { rejectedOf } = refresher;
  let known: Known | undefined;
  let working: Promise<void> = Promise.resolve();
  let isTold = false;

  const current = (): Known => {
    const { generation, lastError } = refresher.status();
    const { number = 0, commit: served = null } = generation ?? {};
    const newest = refresher.newestCommit() ?? served;
    const trouble = lastError?.message;
    const stamp = JSON.stringify([number, newest, trouble]);
    if (known?.stamp === stamp && known.changes.size < MOST) return known;
    known = {
      stamp,
      commits: { served, newest },
      trouble,
      changes: new Map(),
      reasons: new Map(),
    };
    return known;
  };

  const ask: Evidence['lastChange'] = async (path, upTo) => {
    const { commits, changes } = current();
    const commit = commits[upTo];
    if (commit === null) return undefined;
    const key = `${upTo} ${path}`;
    const change = changes.get(key) ?? source.lastChange(commit, path);
    changes.set(key, change);
    try {
      const told = await change;
      isTold = false;
      return told;
    } catch (error) {
      // Git may do better the next time.
      changes.delete(key);
      if (!isTold) log.warn({ error: messageOf(error) }, 'the history cannot be read');
      isTold = true;
      throw error;
    }
  };

  const lookUp = async (directories: readonly string[]): Promise<void> => {
    const store = refresher.store();
    const { reasons, trouble } = current();
    const missing = directories.filter((directory) => !reasons.has(directory));
    if (!store || missing.length === 0) return;
    const evidence = { store, rejectedOf, lastChange: ask, trouble };
    await findReasonsOneByOne(missing, evidence, (directory, reason) =>
      reasons.set(directory, reason),
    );
  };

  return {
    lastChange: async (path, upTo) => ask(path, upTo).catch(() => undefined),
    of: async (directories, patience) => {
      // One after another: those that come meanwhile find what the first has found.
      working = working
        .then(async () => lookUp(directories))
        // The log has it already where it was git.
        .catch((error: unknown) => {
          if (isUnexpected(error)) failures.note('a search for reasons', error);
        });
      await Promise.race([working, sleep(patience, undefined, { ref: false })]);
      const { reasons } = current();
      return new Map(
        directories.flatMap((directory) => {
          const reason = reasons.get(directory);
          return reason ? [[directory, reason] as const] : [];
        }),
      );
    },
    codeOf: createLoggedReasons({
      sight: () => {
        const store = refresher.store();
        return store && { store, rejectedOf };
      },
      stamp: () => current().stamp,
      reasonOf: (directory) => current().reasons.get(directory)?.code,
      hasHistory: () => current().commits.served !== null,
      wasRemoved: async (directory) => {
        const change = await ask(directory, 'served');
        return (change?.removed.length ?? 0) > 0;
      },
    }),
  };
}
