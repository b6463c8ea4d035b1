// What a remote left out because it is too large to be served. That it is so large is the remote's word:
// without a proof it must not take a signature away. So a file that is named like one is asked for by its
// name, and its size is what git finds in the bytes. Other files are never read: they need no proof.
import { MAX_BLOB_BYTES } from '../../../openpgp/signature-file.ts';
import { parseSignatureName } from '../../../terms/location.ts';
import { type Entry, type FileEntry, SourceError } from '../../source.ts';
import { ObjectMissingError } from './cat-file.ts';
import type { GitObjects, Missing } from './git-objects.ts';

/** The size of a file that is not there: no git tells it. */
export const NO_SIZE = Number.NaN;
/** Files that are asked for by their names; git takes these as arguments. */
const MOST_BY_NAME = 1000;

/** What is asked for the sizes of files, and brings what is missing. */
export type SizedObjects = Pick<GitObjects, 'missing'> & {
  readonly sizes: Pick<GitObjects['sizes'], 'ask'>;
};

/** A remote does not give what it should have. That says nothing of the clone: it may give it later. */
export class LeftOutError extends SourceError {}

/**
 * Gives entries the sizes that they lack; where nothing depends on it, the least that they can be.
 * Throws an ObjectMissingError where the clone should have them, and a LeftOutError where it cannot.
 */
export async function completeSizes(entries: Entry[], objects: SizedObjects): Promise<Entry[]> {
  const lacking = entries.filter(lacksSize);
  if (lacking.length === 0) return entries;
  const [first] = lacking;
  if (!objects.missing) {
    throw new ObjectMissingError(`git: expected the blob ${first?.id}, which is missing`);
  }
  const named = new Set(lacking.filter(({ path }) => isNamedLikeSignature(path)).map(toId));
  const sizes = await findSizes([...named], objects, objects.missing);
  return entries.map((entry) =>
    lacksSize(entry) ? { ...entry, size: sizes.get(entry.id) ?? MAX_BLOB_BYTES + 1 } : entry,
  );
}

async function findSizes(
  ids: readonly string[],
  objects: SizedObjects,
  missing: Missing,
): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map();
  if (ids.length <= MOST_BY_NAME) {
    await missing.byName(ids);
    const sizes = await readSizes(ids, objects);
    if (sizes.size === ids.length) return sizes;
  }
  await missing.all();
  const sizes = await readSizes(ids, objects);
  if (sizes.size === ids.length) return sizes;
  throw new LeftOutError('the remote leaves out files that are named like signatures', {
    hint: 'it treats them as too large, and does not send them when asked',
  });
}

async function readSizes(
  ids: readonly string[],
  { sizes }: SizedObjects,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const read = async (id: string): Promise<void> => {
    try {
      found.set(id, (await sizes.ask(id)).size);
    } catch (error) {
      if (!(error instanceof ObjectMissingError)) throw error;
    }
  };
  await Promise.all(ids.map(read));
  return found;
}

function lacksSize(entry: Entry): entry is FileEntry {
  return entry.kind === 'file' && Number.isNaN(entry.size);
}

function toId({ id }: { readonly id: string }): string {
  return id;
}

function isNamedLikeSignature(path: string): boolean {
  return parseSignatureName(path.slice(path.lastIndexOf('/') + 1)) !== undefined;
}
