// How long a verdict holds. Keys and signatures start and expire, so a verdict about them holds for a
// span of time; a verdict about the form of a file holds for ever.

/** From a moment on, until just before another one. Milliseconds since 1970. */
export interface Validity {
  /** -Infinity for what has always been true. */
  readonly from: number;
  /** Infinity for what never ends. */
  readonly until: number;
}

const SECOND = 1000;

export const ALWAYS: Validity = { from: -Infinity, until: Infinity };

/** When both hold. */
export function intersect(one: Validity, other: Validity): Validity {
  return { from: Math.max(one.from, other.from), until: Math.min(one.until, other.until) };
}

export function holdsAt({ from, until }: Validity, now: Date): boolean {
  return from <= now.getTime() && now.getTime() < until;
}

/**
 * Whether the last second of something has passed: a key is good up to and with the second of its
 * expiry. Milliseconds since 1970.
 */
export function hasPassed(lastSecond: number, now: Date): boolean {
  return now.getTime() >= lastSecond + SECOND;
}

/** Rounds down to a whole second: that is what verdicts keep, as it takes less room. */
export function wholeSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
