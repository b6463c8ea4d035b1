// Whether this process can start others. That is one fact, whoever wants to start what, so there is
// one place that knows: those who start processes say how it went, and operators are told.
import type { ProcessStartError } from './process-limits.ts';

export interface StartListener {
  /** The system let us start nothing, for the first time since a start worked. */
  readonly onStartFailure: (error: ProcessStartError) => void;
  /** A start has worked, after one that failed. */
  readonly onStarted: () => void;
}

export class ProcessStarts {
  readonly #listeners = new Set<StartListener>();
  #hasFailed = false;

  /** Gives the way to stop. */
  listen(listener: StartListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A program that is not there says nothing about the system. */
  failed(error: ProcessStartError): void {
    if (!error.isExhausted || this.#hasFailed) return;
    this.#hasFailed = true;
    for (const { onStartFailure } of this.#listeners) onStartFailure(error);
  }

  worked(): void {
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    for (const { onStarted } of this.#listeners) onStarted();
  }
}

/** Of this process. */
export const processStarts = new ProcessStarts();
