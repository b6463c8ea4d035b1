// What two trees differ in, found by reading tree objects and going down only where they differ.
// However deep, wide or often repeated a pushed tree is, there are in memory: the directories on the
// way down to the one that is looked at, and some that were read ahead of it. Nothing is built of a
// path before its bytes are counted.
import { setImmediate } from 'node:timers/promises';
import type { CatFile } from './cat-file.ts';
import {
  BrokenTreeError,
  type TreeDifference,
  type Steps,
  type TreeItem,
  compareTrees,
  isTree,
  readOddTree,
} from './tree-items.ts';

/** A directory, by those around it: a hundred thousand of them in each other have one name each. */
export interface Place {
  readonly parent: Place | undefined;
  readonly name: Buffer;
  /** Bytes of the path, with a slash at its end; 0 for the whole. */
  readonly prefixLength: number;
  /** Directories around it. */
  readonly depth: number;
}

/** Some of what differs in one directory. */
export interface Visit {
  readonly place: Place;
  /** The object name of the directory as it is after; undefined where there is none. */
  readonly tree: string | undefined;
  readonly differences: readonly TreeDifference[];
}

/** What one side of a comparison has that the other has not. */
export interface Counts {
  files: number;
  directories: number;
  /** Of the paths of both. */
  pathBytes: number;
}

/** What a walk found so far. */
export interface WalkCounts {
  readonly added: Counts;
  readonly removed: Counts;
  /** Directories around the deepest one that differs. */
  depth: number;
}

export interface TreeWalkOptions {
  readonly contents: CatFile;
  readonly sizes: CatFile;
  /** Trees to compare; undefined for a directory that is not there. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** For trees that no git writes, which can only be listed: `from` must be undefined. */
  readonly isOdd?: boolean;
  /**
   * Passes over what was counted before: a pair of directories that is there again is not visited,
   * but counted.
   */
  readonly isCounting?: boolean;
  /** Directories that are not gone into; they are counted, and nothing below them. */
  readonly passesOver?: (path: Buffer) => boolean;
}

/** The largest directory that is read: two million digests in one take 220 MB. Bytes. */
const MAX_TREE_BYTES = 256 * 1024 ** 2;
/** Directories that are read ahead together, and the bytes of them; a larger one comes alone. */
const AHEAD = 1024;
const AHEAD_BYTES = 4 * 1024 ** 2;
/** Differences of one directory that are given together. */
const PART = 1024;
/** Visits after which others get their turn. */
const BREATH = 64;
/** Pairs whose counts are remembered: a bomb is made of few. */
const REMEMBERED = 16_384;

const NOTHING = Buffer.alloc(0);
const TOP: Place = { parent: undefined, name: NOTHING, prefixLength: 0, depth: 0 };

/** Two trees that stood and stand at a place; one of them may be missing. */
interface Pair {
  readonly name: Buffer;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly key: string;
}

interface ReadPair extends Pair {
  readonly before: Buffer;
  readonly after: Buffer;
}

interface Frame {
  readonly place: Place;
  readonly pair: Pair;
  readonly differences: Steps<TreeDifference>;
  unread: Pair[];
  read: ReadPair[];
  /** Of this directory and all below it, with paths relative to it. */
  readonly added: Counts;
  readonly removed: Counts;
}

interface Known {
  readonly added: Counts;
  readonly removed: Counts;
}

/** One walk through two trees. */
export class TreeWalk {
  readonly #options: TreeWalkOptions;
  readonly #known = new Map<string, Known>();
  readonly counts: WalkCounts = { added: none(), removed: none(), depth: 0 };
  /** Whether something was passed over because it was counted before. */
  hasRepetition = false;

  constructor(options: TreeWalkOptions) {
    this.#options = options;
  }

  /**
   * What differs, directory by directory, in no order of names. `counts` are those of all that was
   * given and of what is given next.
   * @throws OddTreeError, BrokenTreeError, and SourceError where an object is missing
   */
  async *visits(): AsyncGenerator<Visit> {
    const { from, to } = this.#options;
    if (from === to) return;
    const [top] = await this.#read([formPair(NOTHING, from, to)]);
    if (!top) return;
    const stack = [this.#open(TOP, top)];
    let visits = 0;
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const child = frame.read.pop();
      if (child) {
        if (!this.#countKnown(frame, child)) stack.push(this.#open(placeOf(frame, child), child));
      } else if (frame.unread.length > 0) {
        frame.read = await this.#read(frame.unread);
      } else {
        const part = takePart(frame.differences);
        if (part === undefined) {
          stack.pop();
          this.#remember(frame, stack.at(-1));
          continue;
        }
        frame.unread = this.#select(frame.place, part).map(toPair);
        this.#count(frame, part);
        if (part.length > 0) {
          yield { place: frame.place, tree: frame.pair.to, differences: part };
        }
        if (part.length === 0 || ++visits % BREATH === 0) await setImmediate();
      }
    }
  }

  #open(place: Place, pair: ReadPair): Frame {
    const { before, after } = pair;
    const idLength = (pair.to ?? pair.from ?? '').length / 2;
    this.counts.depth = Math.max(this.counts.depth, place.depth);
    const differences = this.#options.isOdd
      ? readOddTree(after, idLength)
      : compareTrees(before, after, idLength);
    const { name, from, to, key } = pair;
    return {
      place,
      // Without its bytes, which `differences` lets go of at their end.
      pair: { name, from, to, key },
      differences,
      unread: [],
      read: [],
      added: none(),
      removed: none(),
    };
  }

  /** Those with directories to go into. */
  #select(place: Place, part: readonly TreeDifference[]): TreeDifference[] {
    const { passesOver } = this.#options;
    return part.filter(
      ({ name, old, now }) =>
        (isTree(old) || isTree(now)) && passesOver?.(pathOf(place, name)) !== true,
    );
  }

  /** Takes some pairs off the list, and reads them. */
  async #read(pairs: Pair[]): Promise<ReadPair[]> {
    const wanted = pairs.slice(-AHEAD);
    const sizes = await this.#sizesOf(wanted);
    const trees = new Map<string, Promise<Buffer>>();
    const read = async (id: string | undefined): Promise<Buffer> => {
      if (id === undefined) return NOTHING;
      const reading = trees.get(id) ?? this.#readTree(id);
      trees.set(id, reading);
      return reading;
    };
    const taken: Promise<ReadPair>[] = [];
    let bytes = 0;
    while (taken.length < wanted.length) {
      const pair = pairs.at(-1);
      if (!pair) break;
      const isKnown = this.#isKnown(pair);
      if (!isKnown) bytes += sizeOf(sizes, pair.from) + sizeOf(sizes, pair.to);
      if (bytes > AHEAD_BYTES && taken.length > 0) break;
      pairs.pop();
      taken.push(
        (async () => {
          if (isKnown) return { ...pair, before: NOTHING, after: NOTHING };
          const [before, after] = await Promise.all([read(pair.from), read(pair.to)]);
          return { ...pair, before, after };
        })(),
      );
    }
    // Back in the order in which they are taken off.
    return (await Promise.all(taken)).toReversed();
  }

  async #sizesOf(pairs: readonly Pair[]): Promise<ReadonlyMap<string, number>> {
    const ids = new Set<string>();
    for (const pair of pairs) {
      if (this.#isKnown(pair)) continue;
      if (pair.from !== undefined) ids.add(pair.from);
      if (pair.to !== undefined) ids.add(pair.to);
    }
    const sizes = new Map<string, number>();
    await Promise.all(
      Array.from(ids, async (id) => {
        const { type, size } = await this.#options.sizes.ask(id);
        if (type !== 'tree') throw new BrokenTreeError(`a directory of the state is a ${type}`);
        if (size > MAX_TREE_BYTES) {
          const message = `a directory of the state takes ${size} bytes, more than ${MAX_TREE_BYTES}`;
          throw new BrokenTreeError(message);
        }
        sizes.set(id, size);
      }),
    );
    return sizes;
  }

  async #readTree(id: string): Promise<Buffer> {
    const { bytes } = await this.#options.contents.ask(id);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #isKnown(pair: Pair): boolean {
    return this.#known.has(pair.key);
  }

  /** Counts what one directory has itself. */
  #count(frame: Frame, part: readonly TreeDifference[]): void {
    const { prefixLength } = frame.place;
    for (const { name, old, now } of part) {
      if (now && (!old || isTree(old) !== isTree(now))) {
        add(frame.added, this.counts.added, now, name.length, prefixLength);
      }
      if (old && (!now || isTree(old) !== isTree(now))) {
        add(frame.removed, this.counts.removed, old, name.length, prefixLength);
      }
    }
  }

  /** What is below a directory, and was counted at another place, is not gone through again. */
  #countKnown(frame: Frame, child: Pair): boolean {
    const known = this.#known.get(child.key);
    if (!known) return false;
    this.hasRepetition = true;
    const { prefixLength } = frame.place;
    for (const side of ['added', 'removed'] as const) {
      addBelow(frame[side], known[side], child.name.length + 1);
      addBelow(this.counts[side], known[side], prefixLength + child.name.length + 1);
    }
    return true;
  }

  #remember({ pair, added, removed }: Frame, parent: Frame | undefined): void {
    if (!this.#options.isCounting || !parent) return;
    addBelow(parent.added, added, pair.name.length + 1);
    addBelow(parent.removed, removed, pair.name.length + 1);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(pair.key, { added, removed });
  }
}

/** The path of something in a directory. */
export function pathOf(place: Place, name: Uint8Array): Buffer {
  const path = Buffer.allocUnsafe(place.prefixLength + name.length);
  path.set(name, place.prefixLength);
  for (let at: Place | undefined = place; at?.parent; at = at.parent) {
    path[at.prefixLength - 1] = 0x2f;
    path.set(at.name, at.prefixLength - 1 - at.name.length);
  }
  return path;
}

/** Some differences; undefined behind the last. None where others should have their turn. */
function takePart(differences: Steps<TreeDifference>): readonly TreeDifference[] | undefined {
  const part: TreeDifference[] = [];
  while (part.length < PART) {
    const { done, value } = differences.next();
    if (done === true) return part.length > 0 ? part : undefined;
    if (value === undefined) return part;
    part.push(value);
  }
  return part;
}

function placeOf({ place }: Frame, { name }: Pair): Place {
  const prefixLength = place.prefixLength + name.length + 1;
  return { parent: place, name, prefixLength, depth: place.depth + 1 };
}

function toPair({ name, old, now }: TreeDifference): Pair {
  return formPair(name, treeOf(old), treeOf(now));
}

function treeOf(item: TreeItem | undefined): string | undefined {
  return item && isTree(item) ? item.id : undefined;
}

function formPair(name: Buffer, from: string | undefined, to: string | undefined): Pair {
  return { name, from, to, key: `${from ?? ''}:${to ?? ''}` };
}

function sizeOf(sizes: ReadonlyMap<string, number>, id: string | undefined): number {
  return id === undefined ? 0 : (sizes.get(id) ?? 0);
}

function none(): Counts {
  return { files: 0, directories: 0, pathBytes: 0 };
}

/** One file or directory; `own` has paths relative to the directory it is in, `all` whole ones. */
function add(own: Counts, all: Counts, item: TreeItem, length: number, prefix: number): void {
  const kind = isTree(item) ? 'directories' : 'files';
  own[kind] += 1;
  all[kind] += 1;
  own.pathBytes += length;
  all.pathBytes += prefix + length;
}

/** What is below a directory whose path takes `prefix` bytes with its slash. */
function addBelow(sum: Counts, below: Counts, prefix: number): void {
  sum.files += below.files;
  sum.directories += below.directories;
  sum.pathBytes += below.pathBytes + (below.files + below.directories) * prefix;
}
