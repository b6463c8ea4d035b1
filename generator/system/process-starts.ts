// Whether this process can start others. That holds for whatever is to be started, so one place knows
// it: all code that starts processes reports here how it went, and operators are told.
import type { ProcessStartError } from './process-limits.ts';

export interface StartListener {
  /** A start failed because of the system, for the first time since one worked. */
  readonly onStartFailure: (error: ProcessStartError) => void;
  /** A start has worked, and none has failed for a while since. */
  readonly onStarted: () => void;
}

/**
 * If there is room for a few processes but not for all that git starts, the first start works and a
 * later one fails, again and again. So the trouble counts as over only when a start has worked and
 * none has failed for this long. Milliseconds.
 */
const SETTLED_AFTER = 5000;

export class ProcessStarts {
  readonly #listeners = new Set<StartListener>();
  readonly #settledAfter: number;
  #hasFailed = false;
  #settling: NodeJS.Timeout | undefined;

  constructor(settledAfter = SETTLED_AFTER) {
    this.#settledAfter = settledAfter;
  }

  /** Gives the function that stops listening. */
  listen(listener: StartListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Notes a failed start. A missing program says nothing about the system. */
  failed(error: ProcessStartError): void {
    if (!error.isExhausted) return;
    clearTimeout(this.#settling);
    this.#settling = undefined;
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    for (const { onStartFailure } of this.#listeners) onStartFailure(error);
  }

  worked(): void {
    if (!this.#hasFailed) return;
    this.#settling ??= setTimeout(() => this.#settle(), this.#settledAfter).unref();
  }

  #settle(): void {
    this.#settling = undefined;
    this.#hasFailed = false;
    for (const { onStarted } of this.#listeners) onStarted();
  }
}

/** Of this process. */
export const processStarts = new ProcessStarts();
