import { type FileHandle, open, stat } from 'node:fs/promises';
import pMap from 'p-map';
import { checkEntries } from '../../gate/check-entries.ts';
import type { PublishableFile } from '../../gate/checked-file.ts';
import type { Judge, Signature } from '../../gate/judge.ts';
import type { Effort } from '../../openpgp/open-message.ts';
import { flattenBatches } from '../../sources/flatten-batches.ts';
import { type Entry, type Snapshot, idOf } from '../../sources/source.ts';
import { isRejection } from '../../terms/rejection.ts';
import { fillStore } from '../load-store.ts';
import { SignatureStore } from '../store.ts';
import { readBlocks } from './blocks.ts';
import { type Records, parseHeader, parseRecords } from './records.ts';
import type { SharedVerdicts } from './shared-verdict.ts';

/** Files of a directory that are read at once. */
const READ_AT_ONCE = 32;

export interface RestoreOptions {
  /** The checkpoint. */
  readonly path: string;
  readonly snapshot: Snapshot;
  readonly judge: Judge;
  readonly sharedVerdicts: SharedVerdicts;
  /** What the verdict on a file may cost. */
  readonly effort: Effort;
  /** Whether a verdict still holds. */
  readonly holds: (signature: Signature) => boolean;
  readonly now: Date;
  /** Counts files along. */
  readonly onChecked: () => void;
  /** Files of earlier states, by path, on which a verdict is wanted too. */
  readonly older: ReadonlyMap<string, Uint8Array>;
  /** Called with the store of the checkpoint, before what has changed since is brought in. */
  readonly onRestored: ((store: SignatureStore) => Promise<void>) | undefined;
}

/** What a checkpoint led to. */
export interface Restored {
  readonly store: SignatureStore;
  /** Files that a newer checkpoint would have spared us. */
  readonly changes: number;
  /** What it says of those older files that were wanted, by path. */
  readonly older: ReadonlyMap<string, Signature>;
  /** The signatures in it that lie there no more as they did. */
  readonly left: readonly PublishableFile[];
}

/** Why a checkpoint is of no use here. */
class UnusableCheckpointError extends Error {
  override readonly name = 'UnusableCheckpointError';
}

/**
 * Makes the store of a snapshot out of a checkpoint of an earlier one, and judges what differs.
 * Throws where that cannot be done, whatever the file is.
 */
export async function restoreStore(options: RestoreOptions): Promise<Restored> {
  const { path, snapshot, judge, now, effort, onChecked } = options;
  const store = new SignatureStore(false);
  const older = new Map<string, Signature>();
  // Anything else might be waited for, or read, without end.
  if (!(await stat(path)).isFile()) throw new UnusableCheckpointError('it is no regular file');
  const file = await open(path);
  let comparison: Comparison;
  try {
    comparison = await readCheckpoint(file, store, older, options);
  } finally {
    await file.close();
  }
  await options.onRestored?.(store);
  // A directory is numbered as a whole: what is gone from it and what is new come one behind the other.
  const remaining = comparison.remaining().toSorted(byPathOrder);
  const entries = oneByOne(remaining);
  await fillStore(store, checkEntries(snapshot, entries, judge, now, effort), onChecked);
  return { store, changes: comparison.changes(), older, left: comparison.left };
}

/** Takes what has not changed into the store, and finds what has. */
async function readCheckpoint(
  file: FileHandle,
  store: SignatureStore,
  older: Map<string, Signature>,
  { snapshot, sharedVerdicts, holds, onChecked, older: wanted }: RestoreOptions,
): Promise<Comparison> {
  const blocks = readBlocks(file);
  const header = await blocks.next();
  const made = header.done === true ? undefined : parseHeader(header.value);
  if (!made) throw new UnusableCheckpointError('it has another form');
  const comparison = await compare(snapshot, made.tree);
  for await (const block of blocks) {
    const records = parseRecords(block, sharedVerdicts, holds);
    for (const { path, signature } of [...records.files, ...records.older]) {
      const bytes = wanted.get(path);
      // Those of the block are overwritten.
      if (bytes && isEqual(bytes, signature.bytes)) older.set(path, { ...signature, bytes });
    }
    const { files, ignored } = await comparison.take(records);
    store.add(files);
    store.addIgnored(ignored);
    for (let one = 0; one < files.length + ignored; one++) onChecked();
  }
  return comparison;
}

/** What a block leaves as it was: files for the store, and how many that it ignores. */
type Unchanged = Pick<Records, 'files' | 'ignored'>;

/** Tells what of a checkpoint is still so in a snapshot. */
interface Comparison {
  readonly take: (records: Records) => Unchanged | Promise<Unchanged>;
  /** The signatures that lie there no more as they did, of the blocks that were taken. */
  readonly left: readonly PublishableFile[];
  /** What is left to be judged once all blocks were taken. */
  readonly remaining: () => readonly Entry[];
  /** How many files have changed, about. */
  readonly changes: () => number;
}

async function compare(snapshot: Snapshot, tree: string | undefined): Promise<Comparison> {
  if (tree === undefined) {
    if (snapshot.tree) throw new UnusableCheckpointError('it is of a directory');
    return ContentComparison.with(snapshot);
  }
  const differences = await snapshot.tree?.changesSince(tree);
  if (!differences) throw new UnusableCheckpointError(`its tree ${tree} is not here`);
  return TreeComparison.with(differences);
}

/** By what git says has changed between two trees. */
class TreeComparison implements Comparison {
  readonly #changed: Map<string, Entry>;
  readonly #others: Entry[] = [];
  readonly left: PublishableFile[] = [];
  #changes: number;

  static async with(differences: AsyncIterable<Entry>): Promise<TreeComparison> {
    return new TreeComparison(await byPath(differences));
  }

  private constructor(changed: Map<string, Entry>) {
    this.#changed = changed;
    this.#changes = changed.size;
  }

  /** The files that have changed too: they are replaced when those are judged. */
  take({ files, lapsed, others, ignored }: Records): Unchanged {
    for (const entry of [...lapsed, ...others]) {
      const change = this.#changed.get(entry.path);
      if (!change) this.#others.push(entry);
      // The store has not got it, and it was not ignored.
      else if (change.kind === 'removed') this.#changed.delete(entry.path);
      else this.#changed.set(entry.path, { ...change, wasThere: false });
    }
    this.#changes += lapsed.length;
    if (this.#changed.size > 0) {
      this.left.push(...files.filter(({ path }) => this.#changed.has(path)));
    }
    return { files, ignored };
  }

  remaining(): readonly Entry[] {
    return [...this.#others, ...this.#changed.values()];
  }

  changes(): number {
    return this.#changes;
  }
}

/** By the bytes of every signature: for a directory, which has no history. */
class ContentComparison implements Comparison {
  readonly #snapshot: Snapshot;
  /** What was not found unchanged yet. */
  readonly #present: Map<string, Entry>;
  readonly left: PublishableFile[] = [];
  /** Files that no checkpoint would spare us. */
  #expected = 0;
  /** Signatures that are gone: the store has them first, as numbers depend on what was served. */
  readonly #gone: Entry[] = [];

  static async with(snapshot: Snapshot): Promise<ContentComparison> {
    return new ContentComparison(snapshot, await byPath(snapshot.entries()));
  }

  private constructor(snapshot: Snapshot, present: Map<string, Entry>) {
    this.#snapshot = snapshot;
    this.#present = present;
  }

  async take({ files, others, ignored }: Records): Promise<Unchanged> {
    const isAsBefore = (entry: Entry): boolean => isSame(this.#present.get(entry.path), entry);
    this.#expected += others.filter(isAsBefore).length + ignored;
    const isUnchanged = async (file: PublishableFile): Promise<boolean> => this.#isUnchanged(file);
    const looked = await pMap(files, isUnchanged, { concurrency: READ_AT_ONCE });
    this.left.push(...files.filter((_file, at) => looked[at] !== true));
    for (const [at, { path }] of files.entries()) {
      if (looked[at] === true) this.#present.delete(path);
      else if (!this.#present.has(path)) this.#gone.push({ kind: 'removed', path });
    }
    // Ignored files are counted when they are looked at again.
    return { files, ignored: 0 };
  }

  remaining(): readonly Entry[] {
    return [...this.#gone, ...this.#present.values()];
  }

  changes(): number {
    return this.#gone.length + Math.max(0, this.#present.size - this.#expected);
  }

  async #isUnchanged({ path, signature: { bytes } }: PublishableFile): Promise<boolean> {
    const entry = this.#present.get(path);
    if (entry?.kind !== 'file' || entry.size !== bytes.length) return false;
    const now = await this.#snapshot.read(entry);
    return !isRejection(now) && isEqual(now, bytes);
  }
}

async function byPath(entries: AsyncIterable<Entry>): Promise<Map<string, Entry>> {
  const all = new Map<string, Entry>();
  for await (const entry of entries) all.set(entry.path, entry);
  return all;
}

function byPathOrder(one: Entry, other: Entry): number {
  if (one.path === other.path) return 0;
  return one.path < other.path ? -1 : 1;
}

/** As far as a listing tells. */
function isSame(one: Entry | undefined, other: Entry): boolean {
  return one?.kind === other.kind && idOf(one) === idOf(other);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function oneByOne(entries: readonly Entry[]): AsyncIterable<Entry> {
  return flattenBatches(
    (async function* () {
      yield entries;
    })(),
  );
}
