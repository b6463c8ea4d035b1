// When a verdict holds. Keys and signatures begin and end, so what is said of them is true for a
// span of the wall clock; what is said of the form of a file is true for ever.

/** From a moment on, up to but not at another one. Milliseconds since 1970. */
export interface Validity {
  /** -Infinity for what has always been true. */
  readonly from: number;
  /** Infinity for what never ends. */
  readonly until: number;
}

export const ALWAYS: Validity = { from: -Infinity, until: Infinity };

/** When both hold. */
export function intersect(one: Validity, other: Validity): Validity {
  return { from: Math.max(one.from, other.from), until: Math.min(one.until, other.until) };
}

export function holdsAt({ from, until }: Validity, now: Date): boolean {
  return from <= now.getTime() && now.getTime() < until;
}

/** The moment itself or up to a second before: verdicts keep whole seconds, which take less room. */
export function wholeSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
