// A thread that computes RSA signatures for the main one: an answer for each batch.
import { parentPort } from 'node:worker_threads';
import { type RsaBatch, computeRsa, unpackTasks } from './rsa.ts';

function tell(answers: readonly boolean[]): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
  parentPort?.postMessage(answers);
}

parentPort?.on('message', (batch: RsaBatch) => {
  tell(unpackTasks(batch).map((task) => computeRsa(task)));
});
// The first message says that batches are awaited.
tell([]);
