// Messages that gpgv took too long for, or crashed at. The same file may lie at thousands of paths,
// and may have met a machine that was busy: it is tried again, each time after a longer pause.
import { keepNewest } from '../keep-newest.ts';

/** The first pause, which doubles at each try, and the longest. Milliseconds. */
const FIRST_PAUSE = 60_000;
const LONGEST_PAUSE = 24 * 3_600_000;
/** Messages that are remembered; the oldest is forgotten for another one. */
const MOST = 1000;

interface Pause {
  readonly until: number;
  /** In milliseconds. */
  readonly length: number;
}

export class GivenUp {
  readonly #elapsed: () => number;
  readonly #pauses = new Map<string, Pause>();

  /** `elapsed` gives a number of milliseconds that only grows. */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** Whether a message, given by its hash, is not to be tried now. */
  has(hash: string): boolean {
    const pause = this.#pauses.get(hash);
    return pause !== undefined && this.#elapsed() < pause.until;
  }

  /** Notes a try that led to nothing. */
  add(hash: string): void {
    const before = this.#pauses.get(hash);
    const length = before ? Math.min(2 * before.length, LONGEST_PAUSE) : FIRST_PAUSE;
    keepNewest(this.#pauses, hash, { length, until: this.#elapsed() + length }, MOST);
  }
}
