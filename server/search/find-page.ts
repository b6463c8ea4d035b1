// Goes through all that there is of something, with pauses, and keeps the first ones that match in
// the order of their names: a page, and how many there are in all.
import { setImmediate } from 'node:timers/promises';
import type { RejectedFile } from '../../generator/store/report.ts';
import type { SignatureStore } from '../../generator/store/store.ts';

/** Items that are looked at between two pauses: lookups must not wait for a search. */
const LOOKED_AT_ONCE = 1000;
/** Of the digest that a directory ends with. */
const HEX_LENGTH = 64;

export interface PageQuery<Item> {
  /** All of them, if it is left out. */
  readonly matches?: (item: Item) => boolean;
  /** Only those whose name comes after this one. */
  readonly after?: string;
  readonly limit: number;
}

export interface FoundPage<Item> {
  /** How many match, whatever they come after. */
  readonly total: number;
  /** In the order of their names. */
  readonly items: readonly Item[];
  /** Whether more of them come after these. */
  readonly hasMore: boolean;
}

export interface FoundRepository {
  /** `[prefix/]namespace/repo`. */
  readonly name: string;
  /** Digests that are signed. */
  readonly images: number;
}

/** Rejected files by their paths. */
export async function findRejected(
  rejected: Iterable<RejectedFile>,
  query: PageQuery<RejectedFile>,
): Promise<FoundPage<RejectedFile>> {
  return findPage(rejected, ({ path }) => path, query);
}

/** Repositories with signatures by their names. */
export async function findRepositories(
  { imagesByRepository }: Pick<SignatureStore, 'imagesByRepository'>,
  { matches = () => true, ...query }: PageQuery<string>,
): Promise<FoundPage<FoundRepository>> {
  const { items, ...found } = await findPage(imagesByRepository, ([name]) => name, {
    ...query,
    matches: ([name]) => matches(name),
  });
  return { ...found, items: items.map(([name, images]) => ({ name, images })) };
}

/**
 * Directories with signatures whose digest begins with some hexadecimal digits. Whole digests are
 * looked up at once; parts of one go through the whole store.
 */
export async function findDigests(
  store: Pick<SignatureStore, 'directoriesOf' | 'signedDirectories' | 'releases'>,
  beginning: string,
  limit: number,
): Promise<FoundPage<string>> {
  const directories =
    beginning.length === HEX_LENGTH ? store.directoriesOf(beginning) : signedDirectories(store);
  const all = (function* () {
    yield* store.releases;
    yield* directories;
  })();
  return findPage(all, (directory) => directory, {
    matches: (directory) => hasDigest(directory, beginning),
    limit,
  });
}

/** Directories with a signature by a key, given as the fingerprint of the primary key. */
export async function findSignedBy(
  store: Pick<SignatureStore, 'served'>,
  fingerprint: string,
  limit: number,
): Promise<FoundPage<string>> {
  const { items, ...found } = await findPage(firstOnesBy(store, fingerprint), ([name]) => name, {
    matches: ([, isSigner]) => isSigner,
    limit,
  });
  return { ...found, items: items.map(([name]) => name) };
}

/** Every signature that is served, and whether it is the first one of its directory by a key. */
function* firstOnesBy(
  store: Pick<SignatureStore, 'served'>,
  fingerprint: string,
): Generator<readonly [directory: string, isFirst: boolean]> {
  let last = '';
  for (const { directory, signature } of store.served()) {
    const isFirst = directory !== last && signature.signer?.primaryFingerprint === fingerprint;
    if (isFirst) last = directory;
    yield [directory, isFirst];
  }
}

/** Whether the digest of a directory begins with some hexadecimal digits. */
export function hasDigest(directory: string, beginning: string): boolean {
  return directory.startsWith(beginning, directory.length - HEX_LENGTH);
}

function* signedDirectories(store: Pick<SignatureStore, 'signedDirectories'>): Generator<string> {
  for (const { directory } of store.signedDirectories()) yield directory;
}

async function findPage<Item>(
  all: Iterable<Item>,
  nameOf: (item: Item) => string,
  { matches = () => true, after = '', limit }: PageQuery<Item>,
): Promise<FoundPage<Item>> {
  let total = 0;
  let looked = 0;
  let hasMore = false;
  let items: Item[] = [];
  const keepFirst = (): void => {
    if (items.length > limit) hasMore = true;
    items = items.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)).slice(0, limit);
  };
  for (const item of all) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (!matches(item)) continue;
    total++;
    if (nameOf(item) <= after) continue;
    items.push(item);
    // Not sorted for each of them: only when there are many more than are wanted.
    if (items.length > 2 * limit + LOOKED_AT_ONCE) keepFirst();
  }
  keepFirst();
  return { total, items, hasMore };
}
