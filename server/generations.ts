// The states of the store, one after another: how a snapshot of the source becomes the next
// one, in one step, or is refused.
import { checkEntries } from '../generator/check-entries.ts';
import { type CheckedFile, withoutDetail } from '../generator/checked-file.ts';
import type { Judge } from '../generator/judge.ts';
import { loadStore } from '../generator/load-store.ts';
import { toPrintable } from '../generator/printable.ts';
import type { StoreMemory } from '../generator/image/store-memory.ts';
import type { Memory } from '../generator/remembering-judge.ts';
import { RejectedIndex } from '../generator/rejected-index.ts';
import type { RejectedFile } from '../generator/report.ts';
import type { Snapshot, Source } from '../generator/sources/source.ts';
import type { SignatureStore } from '../generator/store.ts';
import { afterLookups } from './after-lookups.ts';
import { judgeExpired } from './judge-expired.ts';
import { inTheWay } from './follow/failures.ts';
import type { Troubles } from './follow/troubles.ts';
import type { ProgramLog } from './program-log.ts';
import { messageOf } from '../generator/message-of.ts';

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
  | { readonly result: 'refused'; readonly reason: string };

export interface Generations {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  readonly current: () => Generation | null;
  /** Files that are not served because of a fault: quarantined, or of a refused state. */
  readonly rejected: () => Iterable<RejectedFile>;
  /** Those that have to do with a digest, given as 64 lower-case hexadecimal digits. */
  readonly rejectedOf: (hex: string) => readonly RejectedFile[];
  /** The commit of the newest state of the source, in force or refused. */
  readonly newestCommit: () => string | null;
  /**
   * Brings the newest state of the source into force. Throws as the source does. `onDecided` is
   * called at that very moment: with null, or with the reason why the state is refused.
   */
  readonly advance: (onDecided: (refusal: string | null) => void) => Promise<Advance['result']>;
  /** Brings the state that was published before a restart into force, if it is still here. */
  readonly recall: () => Promise<void>;
  /** The next advance judges everything anew, by another rule. */
  readonly replaceJudge: (judge: GenerationsOptions['judge']) => void;
}

/** A judge, and what it may know of earlier runs. */
export type StoreJudge = Judge & Partial<Memory & StoreMemory>;

export interface GenerationsOptions {
  readonly source: Source;
  readonly judge: StoreJudge;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly log: ProgramLog;
  /** What operators are told of. */
  readonly troubles: Troubles;
  /** Called once, when the first generation is loaded. */
  readonly onFirstLoad: (store: SignatureStore, generation: Generation) => void;
  /** Called with each generation, the first one too. */
  readonly onPublish: (store: SignatureStore, generation: Generation) => void;
}

/** Rejected files that are named in the log at one advance; the status lists all. */
const LOGGED_REJECTIONS = 20;

/** The part of the server that has a trouble with the state directory here. */
const NOTED = 'served state';

/** What is in force: a store, and the snapshot that it was made from. */
interface Served {
  readonly store: SignatureStore;
  readonly snapshot: Snapshot;
  readonly generation: Generation;
}

/** Makes the succession of generations; none is loaded yet. */
export function createGenerations(options: GenerationsOptions): Generations {
  const { source, onInvalid, log, troubles, onFirstLoad, onPublish } = options;
  let { judge } = options;
  let served: Served | undefined;
  /** Set when the next advance must not build on what is served. */
  let mustReload = false;
  /** By path. */
  let refused: ReadonlyMap<string, RejectedFile> = new Map();
  let refusedIndex = new RejectedIndex();
  let newestCommit: string | null = null;

  const publish = (store: SignatureStore, snapshot: Snapshot): void => {
    const isFirst = served === undefined;
    const number = (served?.generation.number ?? 0) + 1;
    const commit = snapshot.commit ?? null;
    const generation = { number, commit, loadedAt: new Date().toISOString() };
    served = { store, snapshot, generation };
    if (isFirst) onFirstLoad(store, generation);
    onPublish(store, generation);
  };

  const setRefused = (files: readonly RejectedFile[]): void => {
    refused = new Map(files.map((file) => [file.path, file]));
    refusedIndex = new RejectedIndex();
    refusedIndex.add(files);
  };

  /** A file may be rejected in the served state too. */
  const withoutRefused = function* (files: Iterable<RejectedFile>): Generator<RejectedFile> {
    for (const file of files) if (!refused.has(file.path)) yield file;
  };

  const refuse = (files: readonly RejectedFile[], count: number, { commit }: Snapshot): Advance => {
    setRefused(files);
    logRejections(log, files);
    const what = commit ? `commit ${commit}` : 'the newest state';
    const faults = count === 1 ? '1 rejected file' : `${count} rejected files`;
    const kept = served ? '; the last good state is kept' : '';
    const reason = `${what} is refused: ${faults}${kept}`;
    troubles.raise('state-refused', { message: reason, commit });
    return { result: 'refused', reason };
  };

  /** Without what was judged before, everything is judged anew. */
  const recallVerdicts = async (judgedBy: StoreJudge): Promise<void> => {
    try {
      await judgedBy.recall?.();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'remembered verdicts cannot be read');
    }
  };

  /** By looking at every file. */
  const loadAnew = async (
    snapshot: Snapshot,
    judgedBy: StoreJudge,
    now: Date,
  ): Promise<SignatureStore> => {
    await recallVerdicts(judgedBy);
    try {
      return await loadStore(snapshot, judgedBy, now);
    } finally {
      await judgedBy.release?.('all');
    }
  };

  /** All of a snapshot, into a store of its own. */
  const load = async (snapshot: Snapshot, mayRefuse: boolean): Promise<Advance> => {
    const judgedBy = judge;
    const now = new Date();
    const restored = await judgedBy.restore?.(snapshot, now);
    const store = restored ?? (await loadAnew(snapshot, judgedBy, now));
    const { rejected } = store.summary;
    if (mayRefuse && rejected > 0) return refuse([...store.rejectedFiles()], rejected, snapshot);
    mustReload = judge !== judgedBy;
    logRejections(log, store.rejectedFiles());
    publish(store, snapshot);
    void judgedBy.keep?.(store, snapshot, 0);
    if (restored) void judgedBy.condense?.(restored);
    return { result: 'changed' };
  };

  /** What changed since the served snapshot, into the served store. */
  const update = async ({ store, ...before }: Served, snapshot: Snapshot): Promise<Advance> => {
    const judgedBy = judge;
    const now = new Date();
    const changes: CheckedFile[] = [];
    if (onInvalid === 'quarantine') changes.push(...(await judgeExpired(store, judgedBy, now)));
    const entries = snapshot.changesSince(before.snapshot);
    for await (const file of checkEntries(snapshot, entries, judgedBy, now)) {
      changes.push(withoutDetail(file));
    }
    if (changes.length === 0 && snapshot.commit === before.snapshot.commit) {
      served = { store, snapshot, generation: before.generation };
      return { result: 'unchanged' };
    }
    await new Promise<void>(afterLookups);
    const prepared = store.prepare(changes);
    const rejected = [...prepared.rejectedFiles()];
    if (onInvalid === 'refuse' && prepared.rejected > 0) {
      return refuse(rejected, prepared.rejected, snapshot);
    }
    inTheWay(() => prepared.apply());
    logRejections(log, rejected);
    publish(store, snapshot);
    void judgedBy.keep?.(store, snapshot, changes.length);
    return { result: 'changed' };
  };

  /** Notes a new generation in the state directory; it is in force whether or not that works. */
  const note = async (before: Snapshot | undefined, snapshot: Snapshot): Promise<void> => {
    try {
      const [from, to] = [before?.commit, snapshot.commit];
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
  };

  return {
    store: () => served?.store,
    current: () => served?.generation ?? null,
    rejected: function* () {
      if (served) yield* withoutRefused(served.store.rejectedFiles());
      yield* refused.values();
    },
    rejectedOf: (hex) => [
      ...withoutRefused(served?.store.rejectedOf(hex) ?? []),
      ...refusedIndex.of(hex),
    ],
    newestCommit: () => newestCommit,
    advance: async (onDecided) => {
      const snapshot = await source.refresh();
      const before = served;
      try {
        const advance =
          before && !mustReload
            ? await update(before, snapshot)
            : await load(snapshot, onInvalid === 'refuse');
        newestCommit = snapshot.commit ?? null;
        if (advance.result !== 'refused') setRefused([]);
        onDecided(advance.result === 'refused' ? advance.reason : null);
        if (advance.result === 'changed') {
          await new Promise<void>(afterLookups);
          await note(before?.snapshot, snapshot);
        }
        return advance.result;
      } catch (error) {
        // A clone that has lost the served commit never compares: the next try loads everything.
        mustReload = true;
        throw error;
      } finally {
        await snapshot.close();
      }
    },
    recall: async () => {
      const snapshot = await source.recall();
      if (!snapshot) return;
      try {
        await load(snapshot, false);
        log.warn({ commit: snapshot.commit }, 'serving the state that was published last');
      } finally {
        await snapshot.close();
      }
    },
    replaceJudge: (next) => {
      judge = next;
      mustReload = true;
    },
  };
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
