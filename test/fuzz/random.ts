/** Choices that follow from one seed alone. */
export interface Random {
  /** A whole number from 0 up to, but not with, `limit`. */
  readonly below: (limit: number) => number;
  /** True in about `probability` (0 to 1) of all calls. */
  readonly chance: (probability: number) => boolean;
  /** One of the values; throws when there is none. */
  readonly pick: <T>(values: readonly T[]) => T;
  readonly bytes: (length: number) => Buffer;
}

/** The same seed (32 bits) gives the same choices; the generator is mulberry32. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (values) => {
      const [value] = values.slice(below(values.length));
      if (value === undefined) throw new Error('there is nothing to pick from');
      return value;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
