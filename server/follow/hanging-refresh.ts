// Raises a trouble when a refresh does not end, as when a git host sends a few bytes now and then or a
// disk hangs. Time is measured by a clock that never jumps.
import type { Troubles } from '../troubles/troubles.ts';
import type { RefreshStatus } from './refresher.ts';

/** No refresh of a repository that was read before takes this long. Milliseconds. */
export const HANGING_AFTER = 10 * 60_000;
/** Between two looks. Milliseconds. */
const INTERVAL = 10_000;
const MINUTE = 60_000;

export interface HangingRefreshOptions {
  readonly status: () => Pick<RefreshStatus, 'runningSince'>;
  readonly troubles: Troubles;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  /** Milliseconds after which a refresh counts as hanging. */
  readonly limit?: number;
}

export class HangingRefresh {
  readonly #status: HangingRefreshOptions['status'];
  readonly #troubles: Troubles;
  readonly #elapsed: () => number;
  readonly #limit: number;
  #since: string | null = null;
  #seenAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ status, troubles, elapsed, limit = HANGING_AFTER }: HangingRefreshOptions) {
    this.#status = status;
    this.#troubles = troubles;
    this.#elapsed = elapsed;
    this.#limit = limit;
  }

  /** Looks from time to time, until `stop`. */
  start(): void {
    this.#timer = setInterval(() => this.check(), Math.min(INTERVAL, this.#limit)).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks now. */
  check(): void {
    const { runningSince } = this.#status();
    if (runningSince !== this.#since) {
      this.#since = runningSince;
      this.#seenAt = this.#elapsed();
      this.#troubles.clear('refresh-hanging');
    }
    if (runningSince === null || this.#elapsed() - this.#seenAt < this.#limit) return;
    const minutes = Math.floor((this.#elapsed() - this.#seenAt) / MINUTE);
    this.#troubles.raise('refresh-hanging', {
      message: `the refresh that began at ${runningSince} has not ended after ${minutes} minutes`,
      hint: 'check the git host, the network and the disk of the state directory; a restart ends it',
    });
  }
}
