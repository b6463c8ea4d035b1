// Messages that gpgv took too long for, or crashed at. The same file may lie at thousands of paths,
// and may have met a machine that was busy: it is tried again, each time after a longer pause. The
// pauses outlive a restart (given-up-file.ts), so a start does not begin with what is in vain.
import { keepNewest } from '../terms/keep-newest.ts';

/** The first pause, which doubles at each try, and the longest. Milliseconds. */
const FIRST_PAUSE = 60_000;
export const LONGEST_PAUSE = 24 * 3_600_000;
/** Messages that are remembered; the oldest is forgotten for another one. */
export const MOST_GIVEN_UP = 1000;
/**
 * What an earlier run gave up is not tried in the first minute, and then one in this time: many may
 * be due at once after a long pause, or by a clock that is wrong. Milliseconds.
 */
const SPREAD = 4000;

interface Pause {
  /** By the clock that only goes on. */
  readonly until: number;
  /** In milliseconds. */
  readonly length: number;
  /** By the clock on the wall: the other one starts anew with each process. */
  readonly triedAt: number;
}

/** A message that was tried in vain. */
export interface VainTry {
  /** Of the message: SHA-256, base64url. */
  readonly hash: string;
  /** The pause after it, in milliseconds. */
  readonly pause: number;
  /** Milliseconds since 1970. */
  readonly triedAt: number;
}

/** What outlives a run. */
export interface VainTries {
  /** Which gpgv had how much time; undefined while there was none. */
  readonly terms: string | undefined;
  /** The newest last. */
  readonly tries: readonly VainTry[];
}

export interface GivenUpOptions {
  /** Gives a number of milliseconds that only grows. */
  readonly elapsed: () => number;
  /** Gives the time of day. */
  readonly now: () => Date;
}

export class GivenUp {
  readonly #options: GivenUpOptions;
  readonly #pauses = new Map<string, Pause>();
  #terms: string | undefined;
  /** Called when there is something else to remember. */
  onChange: () => void = () => undefined;

  constructor(options: GivenUpOptions) {
    this.#options = options;
  }

  /** Whether a message, given by its hash, is not to be tried now. */
  has(hash: string): boolean {
    const pause = this.#pauses.get(hash);
    return pause !== undefined && this.#options.elapsed() < pause.until;
  }

  /** Notes a try that led to nothing. */
  add(hash: string): void {
    const before = this.#pauses.get(hash);
    const length = before ? Math.min(2 * before.length, LONGEST_PAUSE) : FIRST_PAUSE;
    this.#set(hash, length, length);
    this.onChange();
  }

  /** Notes which gpgv is asked, and what time it has: what another one could not do says nothing. */
  judgeBy(terms: string): void {
    if (this.#terms === terms) return;
    const isOther = this.#terms !== undefined && this.#pauses.size > 0;
    this.#terms = terms;
    if (!isOther) return;
    this.#pauses.clear();
    this.onChange();
  }

  /** Every message may be tried once more now; the pauses afterwards go on from where they were. */
  askAgain(): void {
    for (const [hash, pause] of this.#pauses)
      this.#pauses.set(hash, { ...pause, until: -Infinity });
  }

  save(): VainTries {
    const tries = [...this.#pauses].map(([hash, { length, triedAt }]) => ({
      hash,
      pause: length,
      triedAt,
    }));
    return { terms: this.#terms, tries };
  }

  /**
   * Takes in what an earlier run has saved; tells whether it was of use. A time that is yet to come is a
   * clock's that was wrong: the pause then begins now, and is noted so.
   */
  restore({ terms, tries }: VainTries): boolean {
    if (this.#terms !== undefined && terms !== this.#terms) return false;
    this.#terms = terms;
    const now = this.#options.now().getTime();
    const left = tries.map(({ hash, pause, triedAt }) => {
      const passed = Math.min(Math.max(now - triedAt, 0), pause);
      return { hash, pause, left: pause - passed };
    });
    for (const [place, one] of left.toSorted((a, b) => a.left - b.left).entries()) {
      this.#set(one.hash, one.pause, one.left, FIRST_PAUSE + place * SPREAD);
    }
    if (tries.length > 0) this.onChange();
    return true;
  }

  #set(hash: string, length: number, left: number, atLeast = 0): void {
    const { elapsed, now } = this.#options;
    const until = elapsed() + Math.max(left, atLeast);
    // A clock that stands before 1970 says nothing either.
    const triedAt = Math.max(now().getTime() - (length - left), 0);
    keepNewest(this.#pauses, hash, { length, until, triedAt }, MOST_GIVEN_UP);
  }
}
