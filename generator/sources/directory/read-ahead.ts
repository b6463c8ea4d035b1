// A directory read ahead of whoever works on its files: in another thread, unless there are so few
// that starting one would take longer.
import { threadScript } from '../../system/thread-script.ts';
import { readBatch } from './read-batch.ts';
import { readInThread } from './read-in-thread.ts';
import type { StateBudgets } from '../../terms/budgets.ts';
import type { Entry } from '../source.ts';
import { StateCounter } from '../state-counter.ts';
import { walkDirectory } from './walk.ts';

/** Batches that are read before a thread is started for all others. */
const WITHOUT_THREAD = 4;
const THREAD = threadScript('sources/directory/reading-thread');

/**
 * Gives all entries below a directory, with the content of small files. `root` is absolute, a
 * string of bytes.
 * @throws SourceError for a folder that cannot be listed, and when `ending` tells to stop;
 *   StateRefusedError for more than the budgets allow.
 */
export async function* readAhead(
  root: string,
  ending: AbortSignal,
  budgets: StateBudgets,
): AsyncGenerator<readonly Entry[]> {
  const folders = [''];
  const counter = new StateCounter(budgets);
  const walk = walkDirectory(root, folders, counter);
  let rest: string[] = [];
  for (let count = 1; ; count++) {
    const batch = readBatch(root, walk);
    if (!batch) break;
    yield batch.entries;
    // What is left of its folder is still to be read here.
    if (count === WITHOUT_THREAD) rest = folders.splice(0);
  }
  if (rest.length > 0)
    yield* readInThread(THREAD, { root, folders: rest, budgets, totals: counter.totals }, ending);
}
