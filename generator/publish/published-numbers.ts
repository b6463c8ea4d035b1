// The numbers in a tree for another web server: caches in front of it may hold what earlier trees had, so
// numbers are given as steady-numbers.ts says. What was published before is in `current` and in the
// generations that were replaced since; nothing else has to be remembered.
import { hash } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { type NumberedCopy, assignNumbers } from '../store/steady-numbers.ts';
import type { StoredSignature } from '../store/store.ts';
import { formatLocation } from '../terms/location.ts';
import type { TreeFacts } from './tree-facts.ts';
import { type ServedSignature, type ServedStore, isIntactFile } from './wanted-tree.ts';

/**
 * How long caches may hold files, at most: twice the `max-age` that such a web server should give.
 * Milliseconds.
 */
const HELD_FOR = 2 * 60_000;

/** A tree that was published before another one took its place, at a time in milliseconds since 1970. */
export interface ReplacedTree {
  readonly root: string;
  readonly replacedAt: number;
}

/** What was published, as of a moment. */
export interface PublishedTrees {
  /** What is published now; undefined where nothing is. */
  readonly current: string | undefined;
  readonly replaced: readonly ReplacedTree[];
  readonly facts: TreeFacts;
  readonly now: Date;
}

/** What to publish of a store, with the numbers that caches allow. */
export function holdPublished(store: ServedStore, published: PublishedTrees): ServedStore {
  return {
    published: function* () {
      let directory = '';
      let wanted: StoredSignature[] = [];
      // Those of a directory come one behind the other.
      for (const one of store.published()) {
        if (one.directory !== directory) yield* numberDirectory(directory, wanted, published);
        if (one.directory !== directory) wanted = [];
        ({ directory } = one);
        wanted.push(one.signature);
      }
      yield* numberDirectory(directory, wanted, published);
    },
  };
}

function* numberDirectory(
  directory: string,
  wanted: readonly StoredSignature[],
  published: PublishedTrees,
): Generator<ServedSignature> {
  const numbered = isPublishedFresh(directory, wanted, published)
    ? wanted
    : assignHeld(directory, wanted, published);
  for (const [index, signature] of numbered.entries()) {
    yield { directory, number: index + 1, signature };
  }
}

/** Whether the numbers of a fresh start change nothing for a signature that is published. */
function isPublishedFresh(
  directory: string,
  wanted: readonly StoredSignature[],
  { current, facts, ...published }: PublishedTrees,
): boolean {
  if (current === undefined) return true;
  const pathOf = (number: number, root = current): string =>
    `${root}/${formatLocation(directory, number)}`;
  const roots = [current, ...recentlyReplaced(published).map(({ root }) => root)];
  const hasMore = (root: string): boolean =>
    lstatSync(pathOf(wanted.length + 1, root), { throwIfNoEntry: false }) !== undefined;
  if (roots.some(hasMore)) return false;
  if (wanted.length < 2) return true;
  return wanted.every((file, index) => isIntactFile(pathOf(index + 1), file, facts));
}

function assignHeld(
  directory: string,
  wanted: readonly StoredSignature[],
  { current = '', ...published }: PublishedTrees,
): readonly StoredSignature[] {
  const { now } = published;
  const recent = recentlyReplaced(published);
  const copies: NumberedCopy[] = [];
  for (let number = 1; ; number++) {
    const location = formatLocation(directory, number);
    // What was behind those of now may come back to where it was.
    const roots = [current, ...recent.map(({ root }) => root)];
    const there = roots.flatMap((root) => hashAt(`${root}/${location}`) ?? []).at(0);
    if (there === undefined) break;
    let since = -Infinity;
    for (const { root, replacedAt } of recent) {
      if (hashAt(`${root}/${location}`) !== there) since = Math.max(since, replacedAt);
    }
    copies.push({ hash: there, since });
  }
  const byHash = new Map(wanted.map((signature) => [signature.hash, signature]));
  const hashes = [...byHash.keys()];
  const numbers = assignNumbers(copies, hashes, now.getTime(), now.getTime() - HELD_FOR);
  return numbers.flatMap((copy) => byHash.get(copy.hash) ?? []);
}

/** The trees of which caches may hold files, the newest first. */
function recentlyReplaced({
  replaced,
  now,
}: Pick<PublishedTrees, 'replaced' | 'now'>): readonly ReplacedTree[] {
  return replaced
    .filter(({ replacedAt }) => replacedAt > now.getTime() - HELD_FOR)
    .toSorted((one, other) => other.replacedAt - one.replacedAt);
}

/** The hash of a file as the store has it; undefined where there is none that can be read. */
function hashAt(path: string): string | undefined {
  try {
    return hash('sha256', readFileSync(path), 'base64url');
  } catch {
    return undefined;
  }
}
