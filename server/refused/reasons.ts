// Why lookups found nothing, worked out when somebody asks, and remembered for as long as nothing
// changes.
import { setTimeout as sleep } from 'node:timers/promises';
import { type SourceState, findReasonsOneByOne } from '../../generator/explain/find-reasons.ts';
import type { Reason, ReasonCode } from '../../generator/explain/reason.ts';
import type { HistoryChange, Source } from '../../generator/sources/source.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Refresher } from '../follow/refresher.ts';
import { type Failures, isUnexpected } from '../troubles/failures.ts';
import { LoggedReasons } from './logged-reasons.ts';

export interface ReasonsOptions {
  readonly source: Pick<Source, 'lastChange'>;
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'rejectedOf' | 'newestCommit'>;
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  readonly log: ProgramLog;
}

/** What is remembered while the same is served, and the same is known to be newer. */
interface KnownReasons {
  /** Changes with what is served, and with what is known to be newer. */
  readonly stamp: string;
  readonly commits: { readonly served: string | null; readonly newest: string | null };
  readonly trouble: string | undefined;
  readonly changes: Map<string, Promise<HistoryChange | undefined>>;
  readonly reasons: Map<string, Reason>;
}

/** Changes that are remembered; beyond, everything is forgotten. */
const MOST = 20_000;

export class Reasons {
  readonly #options: ReasonsOptions;
  readonly #logged: LoggedReasons;
  #known: KnownReasons | undefined;
  #working: Promise<void> = Promise.resolve();
  /** Whether the log says already that the history cannot be read. */
  #isTold = false;

  constructor(options: ReasonsOptions) {
    const { refresher } = options;
    const { rejectedOf } = refresher;
    this.#options = options;
    this.#logged = new LoggedReasons({
      sight: () => {
        const store = refresher.store();
        return store && { store, rejectedOf };
      },
      stamp: () => this.#current().stamp,
      reasonOf: (directory) => this.#current().reasons.get(directory)?.code,
      hasHistory: () => this.#current().commits.served !== null,
      wasRemoved: async (directory) => {
        const change = await this.#ask(directory, 'served');
        return (change?.removed.length ?? 0) > 0;
      },
    });
  }

  /**
   * By directory; those that are not found out within `patience` milliseconds are left out, and
   * will be there the next time. A directory with signatures has no reason.
   */
  async of(directories: readonly string[], patience: number): Promise<ReadonlyMap<string, Reason>> {
    // One after another: those that come meanwhile find what the first has found.
    this.#working = this.#working
      .then(async () => this.#lookUp(directories))
      // The log has it already where it was git.
      .catch((error: unknown) => {
        if (isUnexpected(error)) this.#options.failures.note('a search for reasons', error);
      });
    await Promise.race([this.#working, sleep(patience, undefined, { ref: false })]);
    const { reasons } = this.#current();
    return new Map(
      directories.flatMap((directory) => {
        const reason = reasons.get(directory);
        return reason ? [[directory, reason] as const] : [];
      }),
    );
  }

  /** All that are found out already, by directory. */
  found(): ReadonlyMap<string, Reason> {
    return this.#current().reasons;
  }

  /** For a log: at once, unless git has to be asked, which happens now and then only. */
  codeOf(directory: string): ReasonCode | Promise<ReasonCode> {
    return this.#logged.codeOf(directory);
  }

  /** The last commit up to a state that changed a path; undefined where git cannot tell. */
  async lastChange(path: string, upTo: SourceState): Promise<HistoryChange | undefined> {
    return this.#ask(path, upTo).catch(() => undefined);
  }

  #current(): KnownReasons {
    const { refresher } = this.#options;
    const { generation, lastError } = refresher.status();
    const { number = 0, commit: served = null } = generation ?? {};
    const newest = refresher.newestCommit() ?? served;
    const trouble = lastError?.message;
    const stamp = JSON.stringify([number, newest, trouble]);
    const known = this.#known;
    if (known?.stamp === stamp && known.changes.size < MOST) return known;
    const commits = { served, newest };
    this.#known = { stamp, commits, trouble, changes: new Map(), reasons: new Map() };
    return this.#known;
  }

  async #ask(path: string, upTo: SourceState): Promise<HistoryChange | undefined> {
    const { commits, changes } = this.#current();
    const commit = commits[upTo];
    if (commit === null) return undefined;
    const key = `${upTo} ${path}`;
    const change = changes.get(key) ?? this.#options.source.lastChange(commit, path);
    changes.set(key, change);
    try {
      const found = await change;
      this.#isTold = false;
      return found;
    } catch (error) {
      // Git may do better the next time.
      changes.delete(key);
      const words = { error: messageOf(error) };
      if (!this.#isTold) this.#options.log.warn(words, 'the history cannot be read');
      this.#isTold = true;
      throw error;
    }
  }

  async #lookUp(directories: readonly string[]): Promise<void> {
    const { store: readStore, rejectedOf } = this.#options.refresher;
    const store = readStore();
    const { reasons, trouble } = this.#current();
    const missing = directories.filter((directory) => !reasons.has(directory));
    if (!store || missing.length === 0) return;
    const lastChange = async (path: string, upTo: SourceState) => this.#ask(path, upTo);
    const evidence = { store, rejectedOf, lastChange, trouble };
    await findReasonsOneByOne(missing, evidence, (directory, reason) =>
      reasons.set(directory, reason),
    );
  }
}
