import { type FileHandle, open, stat } from 'node:fs/promises';
import { checkEntries } from '../../gate/check-entries.ts';
import { fillStore } from '../load-store.ts';
import type { Judge, Signature } from '../../gate/judge.ts';
import type { Effort } from '../../openpgp/open-message.ts';
import type { Memory } from './remembering-judge.ts';
import { flattenBatches } from '../../sources/flatten-batches.ts';
import type { Entry, Snapshot } from '../../sources/source.ts';
import { SignatureStore } from '../store.ts';
import type { VerdictTerms } from './shared-verdict.ts';
import { readBlocks } from './blocks.ts';
import { parseHeader } from './header.ts';
import { parseRecords } from './records.ts';

/** So many are judged anew sooner than the verdicts on all are read. */
const FEW = 1000;

export interface RestoreOptions {
  /** The image. */
  readonly path: string;
  readonly snapshot: Snapshot;
  readonly judge: Judge & Partial<Memory>;
  readonly verdictTerms: VerdictTerms;
  /** What the verdict on a file may cost. */
  readonly effort: Effort;
  /** Whether a verdict still holds. */
  readonly holds: (signature: Signature) => boolean;
  readonly now: Date;
  /** Counts files along. */
  readonly onChecked: () => void;
}

/** What an image led to. */
export interface Restored {
  readonly store: SignatureStore;
  /** Files that another image would have spared us. */
  readonly changes: number;
}

/** Why an image is of no use here. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

/**
 * Makes the store of a snapshot out of an image of an earlier one, and judges what differs.
 * Throws where that cannot be done, whatever the image is.
 */
export async function restoreStore(options: RestoreOptions): Promise<Restored> {
  const store = new SignatureStore(false);
  // Anything else might be waited for, or read, without end.
  if (!(await stat(options.path)).isFile()) throw new ImageError('it is no regular file');
  const file = await open(options.path);
  let remaining: Remaining;
  try {
    remaining = await readImage(file, store, options);
  } finally {
    await file.close();
  }
  await judgeRemaining(remaining.entries, store, options);
  return { store, changes: remaining.changes };
}

/** What an image leaves to be looked at. */
interface Remaining {
  readonly entries: readonly Entry[];
  readonly changes: number;
}

async function readImage(
  file: FileHandle,
  store: SignatureStore,
  { snapshot, verdictTerms, holds, onChecked }: RestoreOptions,
): Promise<Remaining> {
  const blocks = readBlocks(file);
  const header = await blocks.next();
  const tree = header.done === true ? undefined : parseHeader(header.value);
  if (tree === undefined) throw new ImageError('it has another form');
  const differences = await snapshot.tree?.changesSince(tree);
  if (!differences) throw new ImageError(`its tree ${tree} is not here`);
  const changed = new Map<string, Entry>();
  for await (const entry of differences) changed.set(entry.path, entry);
  const entries: Entry[] = [];
  let changes = changed.size;
  for await (const block of blocks) {
    const { files, lapsed, others, ignored } = parseRecords(block, verdictTerms, holds);
    store.add(files);
    store.addIgnored(ignored);
    for (let one = 0; one < files.length + ignored; one++) onChecked();
    for (const entry of [...lapsed, ...others]) {
      const change = changed.get(entry.path);
      if (!change) entries.push(entry);
      // The store has not got it, and it was not ignored.
      else if (change.kind === 'removed') changed.delete(entry.path);
      else changed.set(entry.path, { ...change, wasThere: false });
    }
    changes += lapsed.length;
  }
  for (const entry of changed.values()) entries.push(entry);
  return { entries, changes };
}

async function judgeRemaining(
  entries: readonly Entry[],
  store: SignatureStore,
  { snapshot, judge, now, effort, onChecked }: RestoreOptions,
): Promise<void> {
  const isMany = entries.length > FEW;
  if (isMany) await judge.recall?.();
  try {
    const files = checkEntries(snapshot, oneByOne(entries), judge, now, effort);
    await fillStore(store, files, onChecked);
  } finally {
    if (isMany) await judge.release?.('some');
  }
}

function oneByOne(entries: readonly Entry[]): AsyncIterable<Entry> {
  return flattenBatches(
    (async function* () {
      yield entries;
    })(),
  );
}
