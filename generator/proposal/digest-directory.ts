// The digest directories of a tree: which bytes lie in them under which numbers.
import { ObjectMissingError } from '../sources/git/objects/cat-file.ts';
import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import { readOddTree } from '../sources/git/objects/tree-items.ts';
import { parseSignatureName } from '../terms/location.ts';

/** Object names of the files, by their numbers in rising order. */
export type NumberedFiles = ReadonlyMap<number, string>;

const NONE: NumberedFiles = new Map();

/** The numbered files of a directory of a tree; none where there is no such directory. */
export async function readNumberedFiles(
  objects: GitObjects,
  tree: string | undefined,
  directory: string,
): Promise<NumberedFiles> {
  if (tree === undefined) return NONE;
  try {
    const { type, bytes } = await objects.contents().ask(`${tree}:${directory}`);
    if (type !== 'tree') return NONE;
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const files: [number, string][] = [];
    for (const item of readOddTree(content, tree.length / 2)) {
      const number = parseSignatureName(item?.name.toString('latin1') ?? '');
      if (number !== undefined && item?.now) files.push([number, item.now.id]);
    }
    return new Map(files.toSorted(([a], [b]) => a - b));
  } catch (error) {
    if (error instanceof ObjectMissingError) return NONE;
    throw error;
  }
}
