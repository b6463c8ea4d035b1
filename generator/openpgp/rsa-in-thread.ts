// RSA in a thread of its own, while the main thread does the rest. Only for many signatures: starting
// a thread takes as long as computing a thousand of them. If the thread fails, all goes on without it.
import { Worker } from 'node:worker_threads';
import { threadScript } from '../system/thread-script.ts';
import { type IsSignedByRsa, type RsaTask, computeRsa, toRsaTask, packTasks } from './rsa.ts';

/** Signatures that are computed before a thread is started. */
const WITHOUT_THREAD = 500;
/** Signatures handed over together: a message to a thread costs as much as computing one. */
const BATCH = 64;
/** A thread that was not asked for this long is stopped. Milliseconds. */
const IDLE = 5000;

export interface RsaVerifierOptions {
  /** What the thread runs instead of the program that computes. */
  readonly script?: URL;
  /** How long the thread waits for signatures. Milliseconds. */
  readonly idle?: number;
}

/** Computes signatures in a thread once there are many of them. */
export class RsaVerifier {
  readonly #script: URL;
  readonly #idle: number;
  #thread: RsaThread | undefined;
  #count = 0;

  constructor({
    script = threadScript('openpgp/rsa-thread'),
    idle = IDLE,
  }: RsaVerifierOptions = {}) {
    this.#script = script;
    this.#idle = idle;
  }

  /** A property, to be handed on by itself. */
  readonly isSignedByRsa: IsSignedByRsa = (message, key) => {
    const task = toRsaTask(message, key);
    if (!task) return false;
    if (++this.#count === WITHOUT_THREAD) this.#thread = this.#startThread();
    return this.#thread?.isReady === true ? this.#thread.ask(task) : computeRsa(task);
  };

  /** Stops the thread, if there is one. What it has not answered yet is answered without it. */
  readonly close = async (): Promise<void> => {
    this.#count = 0;
    const closing = this.#thread;
    this.#thread = undefined;
    await closing?.close();
  };

  #startThread(): RsaThread {
    const startTimer = (): NodeJS.Timeout =>
      setTimeout(() => void this.close(), this.#idle).unref();
    return new RsaThread(this.#script, startTimer);
  }
}

interface AskedTask {
  readonly task: RsaTask;
  readonly answer: (isSigned: boolean) => void;
}

class RsaThread {
  readonly #worker: Worker;
  readonly #startTimer: () => NodeJS.Timeout;
  /** Batches that it works at, the oldest first. */
  readonly #asked: (readonly AskedTask[])[] = [];
  #waiting: AskedTask[] = [];
  #isReady = false;
  #idle: NodeJS.Timeout | undefined;

  /** `startTimer` makes the timer that is refreshed whenever the thread is asked. */
  constructor(script: URL, startTimer: () => NodeJS.Timeout) {
    this.#startTimer = startTimer;
    this.#worker = new Worker(script);
    this.#worker.on('message', (answers: readonly boolean[]) => this.#hear(answers));
    // An error in the thread ends it.
    this.#worker.on('error', () => undefined);
    this.#worker.once('exit', () => this.#end());
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  async ask(task: RsaTask): Promise<boolean> {
    return new Promise((answer) => {
      this.#waiting.push({ task, answer });
      if (this.#waiting.length === BATCH) this.#send();
      // All that is ready to be asked in this turn of the event loop is asked together.
      else if (this.#waiting.length === 1) setImmediate(() => this.#send());
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    if (this.#waiting.length === 0) return;
    const batch = packTasks(this.#waiting.map(({ task }) => task));
    this.#worker.postMessage(batch, [batch.bytes.buffer]);
    this.#asked.push(this.#waiting);
    this.#waiting = [];
    this.#idle?.refresh();
  }

  #hear(answers: readonly boolean[]): void {
    this.#isReady = true;
    this.#idle ??= this.#startTimer();
    for (const [at, { answer }] of (this.#asked.shift() ?? []).entries()) {
      answer(answers[at] === true);
    }
  }

  #end(): void {
    this.#isReady = false;
    clearTimeout(this.#idle);
    for (const { task, answer } of [...this.#asked, this.#waiting].flat()) answer(computeRsa(task));
  }
}
