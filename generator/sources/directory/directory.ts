// A plain directory as a source, read in place. Links inside it are never followed; the
// directory itself may be reached through one, which may be flipped from outside.
import { readFile } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DEFAULT_BUDGETS, type StateBudgets } from '../../terms/budgets.ts';
import { type Rejection, reject } from '../../terms/rejection.ts';
import { type DirectoryIndex, type IndexedEntry, indexDirectory } from './directory-index.ts';
import { resolveRoot } from './walk.ts';
import { type Entry, type Snapshot, type Source, idOf } from '../source.ts';
import { StateCounter } from '../state-counter.ts';
import { DirectoryWatch } from './directory-watch.ts';
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
  return new DirectorySource(location, root, budgets);
}

class DirectorySource implements Source {
  readonly kind = 'directory';
  readonly location: string;
  readonly #root: string;
  readonly #budgets: StateBudgets;
  readonly #indexes = new WeakMap<Snapshot, DirectoryIndex>();
  #watching: DirectoryWatch | undefined;

  constructor(location: string, root: string, budgets: StateBudgets) {
    this.location = location;
    this.#root = root;
    this.#budgets = budgets;
  }

  // Properties, not methods: whoever changes one of them spreads the source.
  readonly refresh: Source['refresh'] = async () => {
    const real = await resolveRoot(this.#root);
    const index = new Map(await indexDirectory(real, new StateCounter(this.#budgets)));
    const snapshot: Snapshot = {
      entries: async function* () {
        for (const { entry } of index.values()) yield entry;
      },
      count: async () => index.size,
      changesSince: (previous) => this.#changesSince(previous, index),
      read: async ({ path }) => readEntry(join(real, path)),
      close: async () => undefined,
    };
    this.#indexes.set(snapshot, index);
    return snapshot;
  };

  readonly watch: Source['watch'] = (onChange, onError) => {
    const watching = new DirectoryWatch(this.#root, resolveRoot, onChange, onError);
    this.#watching = watching;
    return async () => watching.close();
  };

  // A directory has no history.
  readonly branch: Source['branch'] = () => undefined;
  readonly hurry: Source['hurry'] = () => undefined;
  readonly hasCommit: Source['hasCommit'] = async () => true;
  readonly isAncestor: Source['isAncestor'] = async () => true;
  readonly recall: Source['recall'] = async () => undefined;
  readonly keep: Source['keep'] = async () => undefined;
  readonly lastChange: Source['lastChange'] = async () => undefined;
  readonly close: Source['close'] = async () => undefined;

  /** Leaves out of `index` what is just being written, and asks for another refresh in that case. */
  async *#changesSince(
    previous: Snapshot,
    index: Map<string, IndexedEntry>,
  ): AsyncGenerator<Entry> {
    const before = this.#indexes.get(previous) ?? new Map<string, IndexedEntry>();
    if (postponeUnsettled(index, before)) setTimeout(() => this.#watching?.touch(), SETTLE_TIME);
    yield* compare(before, index);
  }
}

async function readEntry(path: string): Promise<Uint8Array | Rejection> {
  try {
    return await readBytes(path);
  } catch (error) {
    return reject('unreadable', `the file cannot be read: ${messageOf(error)}`);
  }
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
  return idOf(a.entry) === idOf(b.entry);
}
