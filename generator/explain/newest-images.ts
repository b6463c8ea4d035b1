// Searches through the whole store for what people ask about now and then. They pause, so that
// lookups go on meanwhile.
import { setImmediate } from 'node:timers/promises';
import type { SignatureStore } from '../store/store.ts';

/** Directories that are looked at between two pauses. */
const LOOKED_AT_ONCE = 2000;
/** Of `@sha256=HEX`. */
const DIGEST_LENGTH = 72;

interface Dated {
  readonly directory: string;
  readonly signedAt: number;
}

/** The directories of some repositories that were signed last, the newest first, at most `count` of each. */
export async function findNewest(
  store: SignatureStore,
  repositories: ReadonlySet<string>,
  count: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const signed = new Set(
    [...repositories].filter((repository) => store.imagesByRepository.has(repository)),
  );
  const newest = new Map<string, Dated[]>();
  if (signed.size === 0) return new Map();
  await visitAll(store, (dated) => {
    const repository = dated.directory.slice(0, -DIGEST_LENGTH);
    if (!signed.has(repository)) return;
    const known = newest.get(repository) ?? [];
    newest.set(repository, known);
    insert(known, dated, count);
  });
  return new Map([...newest].map(([repository, found]) => [repository, found.map(toDirectory)]));
}

/** The directories that were signed last, of all, the newest first. */
export async function findNewestOfAll(
  store: SignatureStore,
  count: number,
): Promise<readonly string[]> {
  const newest: Dated[] = [];
  await visitAll(store, (dated) => insert(newest, dated, count));
  return newest.map(toDirectory);
}

export interface ImagesQuery {
  /** The last directory of the part before; the first part without it, or where it is gone. */
  readonly after: string | undefined;
  readonly limit: number;
  /** Only those; all, if it is left out. */
  readonly matches?: (directory: string) => boolean;
}

export interface FoundImages {
  /** How many come before them. */
  readonly before: number;
  readonly directories: readonly string[];
}

/** The signed directories of a repository, the newest first, a part at a time. */
export async function findImages(
  store: SignatureStore,
  repository: string,
  { after, limit, matches = () => true }: ImagesQuery,
): Promise<FoundImages> {
  const images: Dated[] = [];
  let before = 0;
  const last = after === undefined ? undefined : toDated(store, after);
  if (store.imagesByRepository.has(repository)) {
    await visitAll(store, (dated) => {
      const { directory } = dated;
      if (directory.slice(0, -DIGEST_LENGTH) !== repository || !matches(directory)) return;
      if (last && compare(dated, last) <= 0) before++;
      else insert(images, dated, limit);
    });
  }
  return { before, directories: images.map(toDirectory) };
}

function toDated(store: SignatureStore, directory: string): Dated | undefined {
  const signatures = store.signaturesIn(directory);
  if (signatures.length === 0) return undefined;
  return { directory, signedAt: Math.max(...signatures.map(({ signedAt }) => signedAt)) };
}

async function visitAll(store: SignatureStore, visit: (dated: Dated) => void): Promise<void> {
  let looked = 0;
  for (const dated of store.signedDirectories()) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    visit(dated);
  }
}

/** Keeps the newest, in order; equal ones by their names, so that each answer is the same. */
function insert(newest: Dated[], dated: Dated, count: number): void {
  const last = newest[newest.length - 1];
  if (newest.length === count && last && compare(last, dated) <= 0) return;
  const at = newest.findIndex((other) => compare(dated, other) < 0);
  newest.splice(at < 0 ? newest.length : at, 0, dated);
  if (newest.length > count) newest.pop();
}

function compare(a: Dated, b: Dated): number {
  if (a.signedAt !== b.signedAt) return b.signedAt - a.signedAt;
  return a.directory < b.directory ? -1 : Number(a.directory > b.directory);
}

function toDirectory({ directory }: Dated): string {
  return directory;
}
