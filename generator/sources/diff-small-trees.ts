// What differs between two trees when that is little: read from the tree objects themselves,
// going down only where they differ. It starts no process, so it costs the same in a large store.
import type { CatFile } from './cat-file.ts';
import type { Change } from './change.ts';
import { cutCommon, mayHaveTwice } from './cut-common.ts';
import { type TreeItem, parseTree } from './parse-tree.ts';

/** Trees that are read in all, in bytes: some thousand directories, parsed in milliseconds. */
const MOST_BYTES = 1024 * 1024;
/** Pairs of trees that are compared; each costs two round trips to git. */
const MOST_PAIRS = 256;
/** Names that are looked for in whole trees, each in microseconds. */
const MOST_SEARCHED = 64;

const TREE = '040000';
const SLASH = Buffer.from('/');
const NOTHING = Buffer.alloc(0);

/** Two trees that stood and stand at a path; one of them may be missing. */
interface Pair {
  /** Empty, or ends with a slash. */
  readonly prefix: Uint8Array;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * What differs, in no order; undefined if that is more than is worth reading here, or if a tree
 * is not as git writes them. Rejects with a SourceError where a tree is missing.
 */
export async function diffSmallTrees(
  contents: CatFile,
  sizes: CatFile,
  from: string,
  to: string,
): Promise<readonly Change[] | undefined> {
  const changes: Change[] = [];
  const pending: Pair[] = [{ prefix: Buffer.alloc(0), from, to }];
  let bytesLeft = MOST_BYTES;
  let pairsLeft = MOST_PAIRS;

  const sizeOf = async (id: string | undefined): Promise<number> =>
    id === undefined ? 0 : (await sizes.ask(id)).size;
  const read = async (id: string | undefined): Promise<Buffer> =>
    id === undefined ? NOTHING : toBuffer((await contents.ask(id)).bytes);

  for (let pair = pending.pop(); pair; pair = pending.pop()) {
    const [fromSize, toSize] = await Promise.all([sizeOf(pair.from), sizeOf(pair.to)]);
    bytesLeft -= fromSize + toSize;
    pairsLeft -= 1;
    if (bytesLeft < 0 || pairsLeft < 0) return undefined;
    const [before, after] = await Promise.all([read(pair.from), read(pair.to)]);
    const items = readDifferent(before, after, (pair.to ?? pair.from ?? '').length / 2);
    if (!items) return undefined;
    compare(pair.prefix, items.before, items.after, changes, pending);
  }
  return changes;
}

type Items = ReadonlyMap<string, TreeItem>;

interface ItemsPair {
  readonly before: Items;
  readonly after: Items;
}

/** The entries of two trees, some that are alike left out; undefined if one is not as git writes it. */
function readDifferent(before: Buffer, after: Buffer, idLength: number): ItemsPair | undefined {
  const parts = cutCommon(before, after, idLength);
  const few = readBoth(parts.before, parts.after, idLength);
  if (!few) return undefined;
  // A name may be there again among what was passed over; where names are many, nothing is.
  const names = [...few.before.values(), ...few.after.values()];
  if (names.length > MOST_SEARCHED) return readBoth(before, after, idLength);
  const isPlain = ({ name }: TreeItem): boolean =>
    !mayHaveTwice(before, name) && !mayHaveTwice(after, name);
  return names.every(isPlain) ? few : undefined;
}

function readBoth(before: Buffer, after: Buffer, idLength: number): ItemsPair | undefined {
  const items = [parseTree(before, idLength), parseTree(after, idLength)];
  return items[0] && items[1] && { before: items[0], after: items[1] };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function compare(
  prefix: Uint8Array,
  before: Items,
  after: Items,
  changes: Change[],
  pending: Pair[],
): void {
  const visit = (old: TreeItem | undefined, now: TreeItem | undefined): void => {
    if (old?.id === now?.id && old?.mode === now?.mode) return;
    const name = Buffer.concat([prefix, (now ?? old)?.name ?? SLASH]);
    const [from, to] = [treeOf(old), treeOf(now)];
    if (from !== undefined || to !== undefined) {
      pending.push({ prefix: Buffer.concat([name, SLASH]), from, to });
    }
    if (now !== undefined && to === undefined) changes.push({ name, now });
    else if (old !== undefined && from === undefined) changes.push({ name, now: undefined });
  };
  for (const [key, now] of after) visit(before.get(key), now);
  for (const [key, old] of before) if (!after.has(key)) visit(old, undefined);
}

function treeOf(item: TreeItem | undefined): string | undefined {
  return item?.mode === TREE ? item.id : undefined;
}
