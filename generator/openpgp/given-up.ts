// Messages for which gpgv took too long, or on which it crashed. The same file may lie at thousands of
// paths, and perhaps the machine was only busy: each message is tried again, after longer and longer
// pauses. The pauses survive a restart (given-up-file.ts), so a start does not begin with messages that
// will probably fail again.
import { keepNewest } from '../terms/keep-newest.ts';

/** The first pause, which doubles at each try, and the longest. Milliseconds. */
const FIRST_PAUSE = 60_000;
export const LONGEST_PAUSE = 24 * 3_600_000;
/** How many messages are remembered; beyond that the oldest is forgotten. */
export const MOST_GIVEN_UP = 1000;
/**
 * Messages that an earlier run gave up on are not tried in the first minute, and then one by one with
 * this much time between them: after a long pause, or by a wrong clock, many may be due at once.
 * Milliseconds.
 */
const SPREAD = 4000;

interface Pause {
  /** By the monotonic clock. */
  readonly until: number;
  /** In milliseconds. */
  readonly length: number;
  /** By the time of day: the monotonic clock starts anew with each process. */
  readonly triedAt: number;
}

/** A message on which gpgv failed. */
export interface VainTry {
  /** Of the message: SHA-256, base64url. */
  readonly hash: string;
  /** The pause after it, in milliseconds. */
  readonly pause: number;
  /** Milliseconds since 1970. */
  readonly triedAt: number;
}

/** What is kept for the next run. */
export interface VainTries {
  /** Which gpgv failed on them, and how much time it had; undefined if there was none. */
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
  /** Called whenever what is to be saved has changed. */
  onChange: () => void = () => undefined;

  constructor(options: GivenUpOptions) {
    this.#options = options;
  }

  /** Whether the message with this hash must not be tried now. */
  has(hash: string): boolean {
    const pause = this.#pauses.get(hash);
    return pause !== undefined && this.#options.elapsed() < pause.until;
  }

  /** Notes that gpgv has failed on a message. */
  add(hash: string): void {
    const before = this.#pauses.get(hash);
    const length = before ? Math.min(2 * before.length, LONGEST_PAUSE) : FIRST_PAUSE;
    this.#set(hash, length, length);
    this.onChange();
  }

  /** Notes which gpgv is asked, and how much time it has. Failures of another one are forgotten. */
  judgeBy(terms: string): void {
    if (this.#terms === terms) return;
    const isOther = this.#terms !== undefined && this.#pauses.size > 0;
    this.#terms = terms;
    if (!isOther) return;
    this.#pauses.clear();
    this.onChange();
  }

  /** Lets every message be tried once more now; if it fails, its pause goes on growing. */
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
   * Takes over what an earlier run has saved; true if it could be used. A time in the future comes from
   * a wrong clock: then the pause begins now, and is saved so.
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
    // A clock before 1970 is wrong too.
    const triedAt = Math.max(now().getTime() - (length - left), 0);
    keepNewest(this.#pauses, hash, { length, until, triedAt }, MOST_GIVEN_UP);
  }
}
