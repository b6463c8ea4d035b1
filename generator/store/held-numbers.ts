// The directories of a store whose numbers are not yet those of a fresh start, as caches may hold answers
// from before a change; see steady-numbers.ts. All others cost nothing here.
import type { PublishableFile } from '../gate/checked-file.ts';
import { type NumberedCopy, assignNumbers, isFresh } from './steady-numbers.ts';

/** For how long numbers are held. */
export interface HoldOptions {
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  /** Milliseconds after which no cache gives an answer from before. */
  readonly window: number;
}

/** A directory as the next start needs it: its copies by number, with their age in milliseconds. */
export interface KeptNumbers {
  readonly directory: string;
  /** Infinity for what is in no cache as it was before. */
  readonly copies: readonly { readonly hash: string; readonly age: number }[];
}

/** One directory. Number N is at index N - 1. */
interface HeldDirectory {
  readonly copies: readonly NumberedCopy[];
  /** What was behind them when signatures there were removed: one that comes back is found as before. */
  readonly cut: readonly NumberedCopy[];
  readonly files: readonly PublishableFile[];
  /** The lowest number of each signature, by its hash; undefined where that is as in a fresh start. */
  readonly numbers: ReadonlyMap<string, number> | undefined;
  /** When the copies are old enough for the next step. */
  readonly dueAt: number;
}

export class HeldNumbers {
  static #versions = 0;
  readonly #elapsed: () => number;
  readonly #window: number;
  /** In the order in which they are due. */
  readonly #held = new Map<string, HeldDirectory>();
  #changedAt = -Infinity;
  #version = ++HeldNumbers.#versions;

  constructor({ elapsed, window }: HoldOptions) {
    this.#elapsed = elapsed;
    this.#window = window;
  }

  /** Changes whenever anything here does; no two objects have the same. */
  get version(): number {
    return this.#version;
  }

  /** What is served from a directory by number, copies among it; undefined where that is as in a fresh start. */
  filesIn(directory: string): readonly PublishableFile[] | undefined {
    return this.#held.size === 0 ? undefined : this.#held.get(directory)?.files;
  }

  /** The numbers of the signatures of such a directory, by their hash. */
  numbersIn(directory: string): ReadonlyMap<string, number> | undefined {
    return this.#held.get(directory)?.numbers;
  }

  /** What caches may hold of a directory by number; undefined where that is as in a fresh start. */
  placesIn(directory: string): readonly NumberedCopy[] | undefined {
    const held = this.#held.get(directory);
    if (!held) return undefined;
    return held.dueAt > this.#elapsed() ? [...held.copies, ...held.cut] : held.copies;
  }

  /** The directories with such numbers, those that are left empty too. */
  directories(): Iterable<string> {
    return this.#held.keys();
  }

  /** A directory served the signatures `before`, and is to serve others, both in the order of a fresh start. */
  replace(
    directory: string,
    before: readonly PublishableFile[],
    after: readonly PublishableFile[],
  ): void {
    const held = this.placesIn(directory);
    if (!held && isSteady(before, after)) return;
    const places = held ?? before.map(toSettled);
    // Of many at once: what has lost only its end, or all, costs least.
    const isShorter =
      !held && after.every((file, index) => file.signature.hash === places[index]?.hash);
    if (isShorter) this.#shorten(directory, places, after);
    else this.#set(directory, places, after);
  }

  /** Takes over what another store served from a directory. */
  takeOver(
    directory: string,
    { before, held }: { before: readonly PublishableFile[]; held: HeldNumbers | undefined },
    after: readonly PublishableFile[],
  ): void {
    const places = held?.placesIn(directory);
    if (places) this.#set(directory, places, after);
    else this.replace(directory, before, after);
  }

  /** Takes over what an earlier run served from a directory. */
  resume({ directory, copies }: KeptNumbers, after: readonly PublishableFile[]): void {
    const now = this.#elapsed();
    const there = copies.map(({ hash, age }) => ({ hash, since: now - age }));
    this.#set(directory, there, after);
  }

  /** The directories for which the next step is due, the longest due first. */
  *due(): Generator<string> {
    const now = this.#elapsed();
    for (const [directory, { dueAt }] of this.#held) {
      if (dueAt > now) return;
      yield directory;
    }
  }

  /** What the next start needs. */
  *kept(): Generator<KeptNumbers> {
    const now = this.#elapsed();
    for (const directory of this.#held.keys()) {
      const places = this.placesIn(directory) ?? [];
      yield { directory, copies: places.map(({ hash, since }) => ({ hash, age: now - since })) };
    }
  }

  /** Of a directory with the numbers of a fresh start only the first signatures are left, or none. */
  #shorten(
    directory: string,
    before: readonly NumberedCopy[],
    files: readonly PublishableFile[],
  ): void {
    this.#version = ++HeldNumbers.#versions;
    this.#held.set(directory, {
      copies: before.slice(0, files.length),
      cut: before.slice(files.length),
      files,
      numbers: undefined,
      dueAt: this.#nextMoment() + this.#window,
    });
  }

  #set(
    directory: string,
    before: readonly NumberedCopy[],
    after: readonly PublishableFile[],
  ): void {
    const now = this.#nextMoment();
    const wanted = after.map(hashOf);
    const copies = assignNumbers(before, wanted, now, now - this.#window);
    const behind = before.slice(copies.length);
    const cut = behind.some(({ hash }) => !wanted.includes(hash)) ? behind : [];
    this.#version = ++HeldNumbers.#versions;
    this.#held.delete(directory);
    if (cut.length === 0 && isFresh(copies, wanted)) return;
    const files = new Map(after.map((file) => [hashOf(file), file]));
    const numbers = new Map<string, number>();
    for (const [index, { hash }] of copies.entries()) {
      if (!numbers.has(hash)) numbers.set(hash, index + 1);
    }
    this.#held.set(directory, {
      copies,
      cut,
      files: copies.flatMap(({ hash }) => files.get(hash) ?? []),
      numbers,
      dueAt: now + this.#window,
    });
  }

  /** Later than any before, however many changes there are in one tick of the clock. */
  #nextMoment(): number {
    const now = this.#elapsed();
    this.#changedAt = now > this.#changedAt ? now : this.#changedAt + TICK;
    return this.#changedAt;
  }
}

/** Milliseconds; kept apart from each other for months of uptime. */
const TICK = 1e-3;

/** Most changes leave each signature that stays where it was. */
function isSteady(before: readonly PublishableFile[], after: readonly PublishableFile[]): boolean {
  if (before.length === 0 || (before.length === 1 && after.length < 2)) return true;
  if (before.length > after.length) return false;
  const numbers = new Map(after.map((file, index) => [hashOf(file), index]));
  return before.every((file, index) => (numbers.get(hashOf(file)) ?? index) === index);
}

function toSettled(file: PublishableFile): NumberedCopy {
  return { hash: hashOf(file), since: -Infinity };
}

function hashOf({ signature }: PublishableFile): string {
  return signature.hash;
}
