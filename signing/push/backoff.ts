import { setTimeout as sleep } from 'node:timers/promises';

/** How long something is tried again. */
export interface BackoffOptions {
  /** From now on. Milliseconds. */
  readonly timeout: number;
  readonly ending?: AbortSignal | undefined;
}

/** Between two attempts at most, at first and later. Milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 3000;

/** Pauses between attempts: each a random part of a time that grows, so that many do not come back at once. */
export class Backoff {
  readonly #ending: AbortSignal | undefined;
  readonly #end: number;

  constructor({ timeout, ending }: BackoffOptions) {
    this.#ending = ending;
    this.#end = performance.now() + timeout;
  }

  /** Waits after so many attempts; at once false if the time would be over then. */
  async pause(attempts: number): Promise<boolean> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempts, 10));
    const pause = Math.random() * longest;
    if (performance.now() + pause >= this.#end) return false;
    await sleep(pause, undefined, { signal: this.#ending });
    return true;
  }
}
