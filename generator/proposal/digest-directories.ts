// The digest directories of a tree: which bytes are served from them, whatever their numbers.
import { ObjectMissingError } from '../sources/git/objects/cat-file.ts';
import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import { isFileMode } from '../sources/git/objects/tree-entry.ts';
import { readOddTree } from '../sources/git/objects/tree-items.ts';
import type { PathBudgets } from '../terms/budgets.ts';
import { classifyPath } from '../terms/location.ts';

/** Object names of files, each once, in the order of their numbers. */
type NumberedIds = readonly string[];

/** Those of one tree, each read once. */
export class DigestDirectories {
  readonly #objects: GitObjects;
  readonly #tree: string | undefined;
  readonly #paths: PathBudgets | undefined;
  readonly #known = new Map<string, Promise<NumberedIds>>();

  /** `paths` are the limits for paths that are served; the defaults if left out. */
  constructor(objects: GitObjects, tree: string | undefined, paths?: PathBudgets) {
    this.#objects = objects;
    this.#tree = tree;
    this.#paths = paths;
  }

  /**
   * Object names of the files that can be served from a directory, each once, in the order of their
   * numbers; none where there is no such directory. Throws a SourceError.
   */
  async idsIn(directory: string): Promise<NumberedIds> {
    const known = this.#known.get(directory);
    if (known) return known;
    const reading = this.#read(directory);
    this.#known.set(directory, reading);
    return reading;
  }

  async #read(directory: string): Promise<NumberedIds> {
    if (this.#tree === undefined) return [];
    try {
      const { type, bytes } = await this.#objects.contents().ask(`${this.#tree}:${directory}`);
      if (type !== 'tree') return [];
      const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      return this.#list(content, directory, this.#tree.length / 2);
    } catch (error) {
      if (error instanceof ObjectMissingError) return [];
      throw error;
    }
  }

  #list(content: Buffer, directory: string, idLength: number): NumberedIds {
    const files: { readonly number: number; readonly id: string }[] = [];
    for (const item of readOddTree(content, idLength)) {
      // A link or a submodule is not served.
      if (!item?.now || !isFileMode(item.now.mode)) continue;
      const path = `${directory}/${item.name.toString('latin1')}`;
      const place = classifyPath(path, this.#paths);
      if (place.kind !== 'location') continue;
      files.push({ number: place.location.number, id: item.now.id });
    }
    const inOrder = files.toSorted((a, b) => a.number - b.number);
    return [...new Set(inOrder.map(({ id }) => id))];
  }
}
