// A plain directory as a source, read as it lies. Links inside it are never followed; the
// directory itself may be reached through one, which may be flipped from outside.
import { readFile } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DEFAULT_BUDGETS, type StateBudgets } from '../../terms/budgets.ts';
import { reject } from '../../terms/rejection.ts';
import { type DirectoryIndex, type IndexedEntry, indexDirectory } from './directory-index.ts';
import { resolveRoot } from './walk.ts';
import type { Entry, Snapshot, Source } from '../source.ts';
import { StateCounter } from '../state-counter.ts';
import { type DirectoryWatch, watchDirectory } from './watch-directory.ts';
import { messageOf } from '../../terms/errors.ts';

const readBytes = promisify(readFile);

/** A file written less than this long ago may be half-written. Milliseconds. */
const SETTLE_TIME = 200;

/**
 * Opens a directory; `path` is the subtree to publish, '' for all of it.
 * @throws SourceError if there is no such directory.
 */
export async function createDirectorySource(
  location: string,
  path: string,
  budgets: StateBudgets = DEFAULT_BUDGETS,
): Promise<Source> {
  const root = resolve(location, path);
  await resolveRoot(root);
  const indexes = new WeakMap<Snapshot, DirectoryIndex>();
  let watching: DirectoryWatch | undefined;

  const refresh = async (): Promise<Snapshot> => {
    const real = await resolveRoot(root);
    const index = new Map(await indexDirectory(real, new StateCounter(budgets)));
    const snapshot: Snapshot = {
      entries: async function* () {
        for (const { entry } of index.values()) yield entry;
      },
      count: async () => index.size,
      changesSince: async function* (previous) {
        const before = indexes.get(previous) ?? new Map<string, IndexedEntry>();
        if (postponeUnsettled(index, before)) setTimeout(() => watching?.touch(), SETTLE_TIME);
        yield* compare(before, index);
      },
      read: async (entry) => {
        try {
          return await readBytes(join(real, entry.path));
        } catch (error) {
          const reason = messageOf(error);
          return reject('unreadable', `the file cannot be read: ${reason}`);
        }
      },
      close: async () => undefined,
    };
    indexes.set(snapshot, index);
    return snapshot;
  };

  return {
    kind: 'directory',
    location,
    branch: () => undefined,
    refresh,
    hasCommit: async () => true,
    isAncestor: async () => true,
    recall: async () => undefined,
    keep: async () => undefined,
    lastChange: async () => undefined,
    watch: (onChange, onError) => {
      watching = watchDirectory(root, async () => resolveRoot(root), onChange, onError);
      return watching.close;
    },
    close: async () => undefined,
  };
}

/** Keeps what was known of files that are just being written; says whether there are any. */
function postponeUnsettled(index: Map<string, IndexedEntry>, before: DirectoryIndex): boolean {
  let postponed = false;
  const now = Date.now();
  for (const [path, found] of index) {
    const age = now - found.modifiedAt;
    const known = before.get(path);
    if (age < 0 || age >= SETTLE_TIME || isSame(known, found)) continue;
    if (known) index.set(path, known);
    else index.delete(path);
    postponed = true;
  }
  return postponed;
}

function* compare(before: DirectoryIndex, now: DirectoryIndex): Generator<Entry> {
  for (const [path, found] of now) {
    const known = before.get(path);
    if (isSame(known, found)) continue;
    yield known ? withWasThere(found.entry) : found.entry;
  }
  for (const path of before.keys()) if (!now.has(path)) yield { kind: 'removed', path };
}

function withWasThere(entry: Entry): Entry {
  return entry.kind === 'removed' ? entry : { ...entry, wasThere: true };
}

function isSame(a: IndexedEntry | undefined, b: IndexedEntry): boolean {
  if (a?.entry.kind !== b.entry.kind) return false;
  return a.entry.kind !== 'file' || b.entry.kind !== 'file' || a.entry.id === b.entry.id;
}
