// Batches that another thread reads ahead of whoever takes them.
import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../terms/errors.ts';
import { type Entry, SourceError, StateRefusedError } from '../source.ts';
import type { ReadingTask } from './reading-thread.ts';

/** Batches that the thread may be ahead; more would only take memory. */
const AHEAD = 3;

/**
 * Starts a thread and gives what it reads; it ends when the last batch was taken or nobody wants
 * more.
 * @throws SourceError for what the thread throws, if it ends too early, and when `ending` says so.
 */
export async function* readInThread(
  script: URL,
  task: ReadingTask,
  ending: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  if (ending.aborted) throw ended();
  const worker = new Worker(script, { workerData: task });
  // Also when nobody takes what it has read.
  ending.addEventListener('abort', () => void worker.terminate(), { once: true });
  // Nobody may be waiting any more when it fails.
  worker.on('error', () => undefined);
  const ask = (): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
    worker.postMessage(undefined);
  };
  try {
    const messages = on(worker, 'message', { close: ['exit'] });
    for (let count = 0; count < AHEAD; count++) ask();
    for await (const [message] of messages) {
      const entries: readonly Entry[] | undefined = message;
      if (!entries) return;
      ask();
      yield entries;
    }
  } catch (error) {
    throw toSourceError(error);
  } finally {
    await worker.terminate();
  }
  throw ended();
}

function ended(): SourceError {
  return new SourceError('the thread that reads the directory has ended');
}

/** Errors of another thread come without their class. */
function toSourceError(cause: unknown): Error {
  const hint = cause instanceof Error && 'hint' in cause ? String(cause.hint) : undefined;
  // Only this one knows of an origin.
  if (cause instanceof Error && 'origin' in cause) {
    return new StateRefusedError(cause.message, {}, hint);
  }
  return new SourceError(messageOf(cause), { cause, ...(hint !== undefined && { hint }) });
}
