// The number of a new signature in its directory: one that nothing has. Nodes count 1, 2, 3, …, and the
// store closes holes, so that any number is good; it decides the order only.
import { createHash } from 'node:crypto';

/** Nine digits are what locations may have. */
const HIGHEST = 999_999_999;
/** The lowest of nine digits. */
const LOWEST_OF_NINE = 100_000_000;

/** Chooses a number that is not taken, for the bytes of a signature. */
export type ChooseNumber = (taken: ReadonlySet<number>, bytes: Uint8Array) => number;

/** The number behind the last one, so that what is served keeps its place; a free one if there is none. */
export function chooseNext(taken: ReadonlySet<number>): number {
  let last = 0;
  for (const number of taken) last = Math.max(last, number);
  if (last < HIGHEST) return last + 1;
  let free = 1;
  while (taken.has(free)) free++;
  return free;
}

/**
 * A number of nine digits that comes from the signature itself: two proposals that know nothing of each
 * other do not take the same, and both can be merged, in any order.
 */
export function chooseByContent(taken: ReadonlySet<number>, bytes: Uint8Array): number {
  const head = createHash('sha256').update(bytes).digest().readUIntBE(0, 6);
  let number = LOWEST_OF_NINE + (head % (HIGHEST - LOWEST_OF_NINE + 1));
  while (taken.has(number)) number = number < HIGHEST ? number + 1 : LOWEST_OF_NINE;
  return number;
}
