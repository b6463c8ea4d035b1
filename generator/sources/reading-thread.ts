// A thread that lists and reads a directory for the main one: a batch for each message.
import { parentPort, workerData } from 'node:worker_threads';
import { readBatch } from './read-batch.ts';
import { walkDirectory } from './walk-directory.ts';

/** What the thread is started with. */
export interface ReadingTask {
  /** Absolute, as a string of bytes. */
  readonly root: string;
  /** What is to be listed of it. */
  readonly folders: string[];
}

const { root, folders }: ReadingTask = workerData;
const walk = walkDirectory(root, folders);

parentPort?.on('message', () => {
  const batch = readBatch(root, walk);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
  parentPort?.postMessage(batch?.entries, batch ? [batch.memory] : []);
});
