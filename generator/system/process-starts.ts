// Whether this process can start others. That is one fact, whoever wants to start what, so there is
// one place that knows: those who start processes say how it went, and operators are told.
import type { ProcessStartError } from './process-limits.ts';

export interface StartListener {
  /** The system let us start nothing, for the first time since a start worked. */
  readonly onStartFailure: (error: ProcessStartError) => void;
  /** A start has worked, and none has failed since for a while. */
  readonly onStarted: () => void;
}

/**
 * Where there is room for a few processes but not for all of a git, its first start works and a later
 * one fails, again and again: a start says that it is over when no other fails for so long.
 * Milliseconds.
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

  /** Gives the way to stop. */
  listen(listener: StartListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A program that is not there says nothing about the system. */
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
