// Tree objects, read in place, entry by entry: one of 200 MB takes no more memory than its bytes.
import { SourceError } from '../../source.ts';

/** One line of a tree object. */
export interface TreeItem {
  /** Six digits, of those that git knows: 100644, 100755, 120000, 160000 or 040000. */
  readonly mode: string;
  readonly name: Buffer;
  readonly id: string;
}

/** What stood and what stands under a name of a directory, as a tree or as something else. */
export interface TreeDifference {
  readonly name: Buffer;
  readonly old: TreeItem | undefined;
  readonly now: TreeItem | undefined;
}

/** A tree that no git writes: a name twice, out of order, or with a slash. It can still be read. */
export class OddTreeError extends SourceError {}

/** A tree that cannot be read, though it is what its object name says. */
export class BrokenTreeError extends SourceError {}

const NUL = 0x00;
const SPACE = 0x20;
const SLASH = 0x2f;
const TYPE_BITS = 0o170_000;
const EXECUTABLE = 0o100;
const TREE = '040000';
/** Entries that are passed over before others get their turn; some milliseconds. */
const BREATH = 4096;

export function isTree(item: TreeItem | undefined): boolean {
  return item?.mode === TREE;
}

/** What comes from a walk through entries; undefined is a moment to let others work. */
export type Steps<Item> = Generator<Item | undefined, undefined>;

/**
 * What differs between two tree objects, whose object names have `idLength` bytes, in the order of
 * names. One of them may be empty, for a directory that is not there.
 * @throws OddTreeError for a tree whose names are not as git sorts them
 * @throws BrokenTreeError
 */
export function* compareTrees(
  before: Buffer,
  after: Buffer,
  idLength: number,
): Steps<TreeDifference> {
  const [olds, nows] = [new Cursor(before, idLength), new Cursor(after, idLength)];
  for (let steps = 1; ; steps++) {
    if (nows.skipAlike(olds) || steps % BREATH === 0) yield undefined;
    const [old, now] = [olds.item(), nows.item()];
    if (!old && !now) return;
    const order = old && now ? compareItems(old, now) : Number(now !== undefined) * 2 - 1;
    if (order < 0 && old) yield { name: old.name, old, now: undefined };
    if (order > 0 && now) yield { name: now.name, old: undefined, now };
    const isSame = old?.id === now?.id && old?.mode === now?.mode;
    if (order === 0 && old && now && !isSame) yield { name: now.name, old, now };
    if (order <= 0) olds.next();
    if (order >= 0) nows.next();
  }
}

/**
 * The entries of a tree that need not be as git writes them, each name once as a tree and once as
 * something else: the last one counts.
 * @throws BrokenTreeError
 */
export function* readOddTree(tree: Buffer, idLength: number): Steps<TreeDifference> {
  const items = new Map<string, TreeItem>();
  for (let at = 0; at < tree.length;) {
    const { item, end } = readItem(tree, at, idLength);
    items.set(`${Number(isTree(item))}${item.name.toString('latin1')}`, item);
    at = end;
  }
  for (const item of items.values()) yield { name: item.name, old: undefined, now: item };
}

/** Goes through a tree and sees that it is in order. */
class Cursor {
  readonly #tree: Buffer;
  readonly #idLength: number;
  #at = 0;
  /** Where the entry before starts; -1 before the first. */
  #last = -1;
  #read: { readonly item: TreeItem; readonly end: number } | undefined;

  constructor(tree: Buffer, idLength: number) {
    this.#tree = tree;
    this.#idLength = idLength;
  }

  /** The entry that it stands at; undefined behind the last. */
  item(): TreeItem | undefined {
    if (this.#at >= this.#tree.length) return undefined;
    this.#read ??= this.#readInOrder();
    return this.#read.item;
  }

  /** Goes on behind the entry that was read. */
  next(): void {
    if (this.#read) this.#go(this.#read.end);
  }

  /**
   * Passes over entries that are the same in another tree, as far as others need not wait; then it
   * gives true. What follows each other in both is in order if it is in one.
   */
  skipAlike(other: Cursor): boolean {
    const [tree, theirs] = [this.#tree, other.#tree];
    for (let steps = 0; this.#at < tree.length && other.#at < theirs.length; steps++) {
      const nul = tree.indexOf(NUL, this.#at);
      const end = nul + 1 + this.#idLength;
      const theirEnd = other.#at + end - this.#at;
      if (nul < 0 || end > tree.length || theirEnd > theirs.length) return false;
      if (tree.compare(theirs, other.#at, theirEnd, this.#at, end) !== 0) return false;
      if (steps === BREATH) return true;
      this.#go(end);
      other.#go(theirEnd);
    }
    return false;
  }

  #go(end: number): void {
    this.#last = this.#at;
    this.#at = end;
    this.#read = undefined;
  }

  #readInOrder(): { readonly item: TreeItem; readonly end: number } {
    const read = readItem(this.#tree, this.#at, this.#idLength);
    const { name } = read.item;
    const isInOrder =
      this.#last < 0 ||
      compareItems(readItem(this.#tree, this.#last, this.#idLength).item, read.item) < 0;
    if (isInOrder && name.length > 0 && !name.includes(SLASH)) return read;
    throw new OddTreeError('a directory has names that git does not allow');
  }
}

function readItem(tree: Buffer, at: number, idLength: number): { item: TreeItem; end: number } {
  const space = tree.indexOf(SPACE, at);
  const nul = space < 0 ? -1 : tree.indexOf(NUL, space);
  const end = nul + 1 + idLength;
  if (nul < 0 || end > tree.length) {
    throw new BrokenTreeError('a directory of the state cannot be read');
  }
  const mode = readMode(tree, at, space);
  const name = tree.subarray(space + 1, nul);
  return { item: { mode, name, id: tree.toString('hex', nul + 1, end) }, end };
}

/** As git sorts them (base_name_compare): a tree as if its name ended with a slash. */
function compareItems(a: TreeItem, b: TreeItem): number {
  const common = Math.min(a.name.length, b.name.length);
  const order = a.name.compare(b.name, 0, common, 0, common);
  if (order !== 0) return order;
  return byteAt(a, common) - byteAt(b, common);
}

function byteAt(item: TreeItem, at: number): number {
  return item.name[at] ?? (isTree(item) ? SLASH : NUL);
}

/** `100644` as a number, byte for byte, and `40000`, which is one byte shorter. */
const PLAIN_FILE = Buffer.from('100644').readUIntBE(0, 6);
const PLAIN_TREE = Buffer.from('40000').readUIntBE(0, 5);

/** As git reads the modes that old or foreign programs wrote. */
function readMode(tree: Buffer, at: number, end: number): string {
  if (end - at === 6 && tree.readUIntBE(at, 6) === PLAIN_FILE) return '100644';
  if (end - at === 5 && tree.readUIntBE(at, 5) === PLAIN_TREE) return TREE;
  const bits = Number.parseInt(tree.toString('latin1', at, end), 8);
  switch (bits & TYPE_BITS) {
    case 0o100_000:
      return bits & EXECUTABLE ? '100755' : '100644';
    case 0o120_000:
      return '120000';
    case 0o040_000:
      return TREE;
    default:
      return '160000';
  }
}
