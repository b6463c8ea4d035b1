// A thread that lists and reads a directory for the main one: a batch for each message.
import { parentPort, workerData } from 'node:worker_threads';
import type { StateBudgets } from '../../terms/budgets.ts';
import type { StateTotals } from '../state-budget.ts';
import { readBatch } from './read-batch.ts';
import { StateCounter } from '../state-counter.ts';
import { walkDirectory } from './walk.ts';

/** What the thread is started with. */
export interface ReadingTask {
  /** Absolute, as a string of bytes. */
  readonly root: string;
  /** What is to be listed of it. */
  readonly folders: string[];
  readonly budgets: StateBudgets;
  /** What was counted before. */
  readonly totals: StateTotals;
}

const { root, folders, budgets, totals }: ReadingTask = workerData;
const walk = walkDirectory(root, folders, new StateCounter(budgets, totals));

parentPort?.on('message', () => {
  const batch = readBatch(root, walk);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
  parentPort?.postMessage(batch?.entries, batch ? [batch.memory] : []);
});
