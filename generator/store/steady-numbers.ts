// Which signature is served under which number while caches may hold what was there before. A node reads
// 1, 2, 3, … until the first 404, and a cache in between may answer each of them as it was at any moment
// of the last minutes. So a signature is sure to be found only by a number that it has had all that time,
// its home, with no 404 before it. Hence:
//
// - A signature keeps its home until it has had another number for as long as caches may hold answers.
// - It gets a copy under the number that it has in a fresh start, as soon as no other is at home there;
//   later that is its home.
// - What is at home where another belongs gets a copy behind all others, to move to.
// - No number between 1 and the last is ever empty, and the end is cut when nothing is at home there.
//
// So after two or three such times the numbers are those of a fresh start, whatever happened before,
// and all replicas agree. Where other signatures are at home under all 127 numbers there is no room to
// move: then it takes longer, and waits for a removal if all of them stay.
import { MAX_SIGNATURES } from './numbering.ts';

/** What is served under a number. */
export interface NumberedCopy {
  readonly hash: string;
  /** Since when; milliseconds of some clock, -Infinity for longer than any cache remembers. */
  readonly since: number;
}

/**
 * The numbers of a directory after a change, or after some time. `wanted` are the signatures to serve, each
 * once, in the order of a fresh start; `now` is later than at each change before. What has been there since
 * `settledAt` or longer is in no cache as it was before. Number N is at index N - 1; there are at most {@link MAX_SIGNATURES}.
 */
export function assignNumbers(
  before: readonly NumberedCopy[],
  wanted: readonly string[],
  now: number,
  settledAt: number,
): readonly NumberedCopy[] {
  const homes = findHomes(before, wanted, settledAt);
  const next: (string | undefined)[] = [];
  for (const [hash, index] of homes) next[index] = hash;
  placeNew(next, wanted, homes, before.length);
  for (const [index, hash] of wanted.entries()) next[index] ??= hash;
  placeCopies(next, wanted, homes, before);
  const last = next.at(-1);
  const known = new Set(wanted);
  return Array.from(next, (placed, index) => {
    const there = before[index];
    const hash = placed ?? (there && known.has(there.hash) ? there.hash : last) ?? '';
    return { hash, since: there?.hash === hash ? there.since : now };
  });
}

/** Whether the numbers are those of a fresh start. */
export function isFresh(numbers: readonly NumberedCopy[], wanted: readonly string[]): boolean {
  return (
    numbers.length === wanted.length && numbers.every(({ hash }, index) => hash === wanted[index])
  );
}

/** Where each signature that was there already has to stay, as an index. */
function findHomes(
  before: readonly NumberedCopy[],
  wanted: readonly string[],
  settledAt: number,
): ReadonlyMap<string, number> {
  const places = new Map<string, number[]>();
  for (const [index, { hash }] of before.entries()) {
    places.set(hash, [...(places.get(hash) ?? []), index]);
  }
  const homes = new Map<string, number>();
  for (const [fresh, hash] of wanted.entries()) {
    const own = places.get(hash) ?? [];
    const sinceAt = (index: number): number => before[index]?.since ?? Infinity;
    const oldest = Math.min(...own.map(sinceAt));
    const sure = own.filter((index) => sinceAt(index) <= Math.max(oldest, settledAt));
    const isApart = (index: number): boolean => index >= wanted.length;
    const home = sure.find((index) => index === fresh) ?? sure.find(isApart) ?? sure[0];
    if (home !== undefined) homes.set(hash, home);
  }
  return homes;
}

/** New signatures are there at once: under their own number, or under any that is nobody's home. */
function placeNew(
  next: (string | undefined)[],
  wanted: readonly string[],
  homes: ReadonlyMap<string, number>,
  end: number,
): void {
  const late: string[] = [];
  for (const [index, hash] of wanted.entries()) {
    if (homes.has(hash)) continue;
    if (next[index] === undefined) next[index] = hash;
    else late.push(hash);
  }
  for (const hash of late) {
    // There are never more signatures than numbers.
    const index = findEmpty(next, Math.max(wanted.length, end)) ?? findEmpty(next, 0) ?? 0;
    next[index] = hash;
  }
}

/** Copies for those that are in the way of others, as far as there are numbers. */
function placeCopies(
  next: (string | undefined)[],
  wanted: readonly string[],
  homes: ReadonlyMap<string, number>,
  before: readonly NumberedCopy[],
): void {
  const inTheWay = new Set(
    wanted.filter((hash, index) => next[index] !== hash && isBelow(homes.get(hash), wanted.length)),
  );
  for (let index = wanted.length; index < before.length; index++) {
    const hash = before[index]?.hash ?? '';
    if (next[index] === undefined && inTheWay.delete(hash)) next[index] = hash;
  }
  for (const hash of inTheWay) {
    const index = findEmpty(next, wanted.length);
    if (index === undefined) return;
    next[index] = hash;
  }
}

function isBelow(index: number | undefined, limit: number): boolean {
  return index !== undefined && index < limit;
}

function findEmpty(next: readonly (string | undefined)[], from: number): number | undefined {
  for (let index = from; index < MAX_SIGNATURES; index++) {
    if (next[index] === undefined) return index;
  }
  return undefined;
}
