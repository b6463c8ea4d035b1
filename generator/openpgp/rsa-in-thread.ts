// RSA in a thread of its own, beside all else that there is to do for a signature. Only for many
// signatures: a thread takes as long to start as to compute a thousand. Where it fails, all goes on
// without it.
import { Worker } from 'node:worker_threads';
import { threadScript } from '../system/thread-script.ts';
import { type IsSignedByRsa, type RsaTask, computeRsa, toRsaTask, packTasks } from './rsa.ts';

export interface RsaVerifier {
  readonly isSignedByRsa: IsSignedByRsa;
  /** Stops the thread, if there is one. What is asked meanwhile is answered without it. */
  readonly close: () => Promise<void>;
}

/** Signatures that are computed before a thread is started. */
const WITHOUT_THREAD = 500;
/** Signatures that are handed over together: a message costs as much as to compute one. */
const BATCH = 64;
/** A thread that nobody has asked for so long is stopped. Milliseconds. */
const IDLE = 5000;

export interface RsaVerifierOptions {
  /** What the thread runs; unless told, what computes. */
  readonly script?: URL;
  /** How long the thread waits for signatures. Milliseconds. */
  readonly idle?: number;
}

/** Gives what computes in a thread once there are many signatures. */
export function createRsaVerifier({
  script = threadScript('openpgp/rsa-thread'),
  idle = IDLE,
}: RsaVerifierOptions = {}): RsaVerifier {
  let thread: RsaThread | undefined;
  let count = 0;
  const close = async (): Promise<void> => {
    count = 0;
    const closing = thread;
    thread = undefined;
    await closing?.close();
  };
  return {
    isSignedByRsa: (message, key) => {
      const task = toRsaTask(message, key);
      if (!task) return false;
      if (++count === WITHOUT_THREAD) {
        thread = startThread(script, () => setTimeout(() => void close(), idle).unref());
      }
      return thread?.isReady() === true ? thread.ask(task) : computeRsa(task);
    },
    close,
  };
}

interface RsaThread {
  readonly isReady: () => boolean;
  readonly ask: (task: RsaTask) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

interface Question {
  readonly task: RsaTask;
  readonly answer: (isSigned: boolean) => void;
}

/** `startTimer` gives what is to be refreshed whenever the thread is asked. */
function startThread(script: URL, startTimer: () => NodeJS.Timeout): RsaThread {
  const worker = new Worker(script);
  const asked: (readonly Question[])[] = [];
  let waiting: Question[] = [];
  let isReady = false;
  let idle: NodeJS.Timeout | undefined;

  const send = (): void => {
    if (waiting.length === 0) return;
    const batch = packTasks(waiting.map(({ task }) => task));
    worker.postMessage(batch, [batch.bytes.buffer]);
    asked.push(waiting);
    waiting = [];
    idle?.refresh();
  };
  const hear = (answers: readonly boolean[]): void => {
    isReady = true;
    idle ??= startTimer();
    for (const [at, { answer }] of (asked.shift() ?? []).entries()) answer(answers[at] === true);
  };
  const end = (): void => {
    isReady = false;
    clearTimeout(idle);
    for (const { task, answer } of [...asked, waiting].flat()) answer(computeRsa(task));
  };
  // What fails in it ends it.
  worker.on('message', hear).on('error', () => undefined);
  worker.once('exit', end);

  return {
    isReady: () => isReady,
    ask: async (task) =>
      new Promise((answer) => {
        waiting.push({ task, answer });
        if (waiting.length === BATCH) send();
        // What is ready to be asked now is asked together.
        else if (waiting.length === 1) setImmediate(send);
      }),
    close: async () => {
      await worker.terminate();
    },
  };
}
