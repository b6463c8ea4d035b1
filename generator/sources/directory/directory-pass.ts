// A plain directory that is gone through once, by a process that does nothing else meanwhile.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DEFAULT_BUDGETS, type StateBudgets } from '../../terms/budgets.ts';
import { messageOf } from '../../terms/errors.ts';
import { reject } from '../../terms/rejection.ts';
import { flattenBatches } from '../flatten-batches.ts';
import { type Entry, type ReadableSource, SourceError } from '../source.ts';
import { StateCounter } from '../state-counter.ts';
import { resolveRoot, walkDirectory } from './walk.ts';
import { readBatch } from './read-batch.ts';

/** Entries that are counted before anything else gets its turn. */
const COUNTED_AT_ONCE = 1000;

/**
 * Opens a directory; `path` is the subtree to publish, '' for all of it. `ending` stops what runs.
 * @throws SourceError if there is no such directory.
 */
export async function createDirectoryPass(
  location: string,
  path: string,
  ending: AbortSignal,
  budgets: StateBudgets = DEFAULT_BUDGETS,
): Promise<ReadableSource> {
  const root = await resolveRoot(resolve(location, path));
  const raw = Buffer.from(root).toString('latin1');
  const closing = new AbortController();
  const stop = AbortSignal.any([ending, closing.signal]);
  return {
    kind: 'directory',
    location,
    refresh: async () => ({
      entries: () => flattenBatches(readBatches(raw, stop, budgets)),
      count: async () => count(raw, budgets),
      read: async (entry) => {
        if (entry.bytes) return entry.bytes;
        try {
          return await readFile(join(root, entry.path));
        } catch (error) {
          return reject('unreadable', `the file cannot be read: ${messageOf(error)}`);
        }
      },
      close: async () => closing.abort(),
    }),
    close: async () => closing.abort(),
  };
}

/**
 * Lists and reads everything below `root`, a batch at a time.
 * @throws SourceError for a folder that cannot be listed, and when `stop` says so;
 *   StateRefusedError for more than the budgets allow.
 */
async function* readBatches(
  root: string,
  stop: AbortSignal,
  budgets: StateBudgets,
): AsyncGenerator<readonly Entry[]> {
  const walk = walkDirectory(root, new StateCounter(budgets));
  for (let batch = readBatch(root, walk); batch; batch = readBatch(root, walk)) {
    yield batch;
    // Reading never waits, so signals and other work get their turn here.
    await setImmediate();
    if (stop.aborted) throw new SourceError('stopped before the directory was read to its end');
  }
}

async function count(root: string, budgets: StateBudgets): Promise<number> {
  const walk = walkDirectory(root, new StateCounter(budgets));
  let entries = 0;
  while (walk.next().value) {
    if (++entries % COUNTED_AT_ONCE === 0) await setImmediate();
  }
  return entries;
}
