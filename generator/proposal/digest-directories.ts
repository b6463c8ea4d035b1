// The digest directories of a tree: which bytes are served from them, whatever their numbers.
import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import { isFileMode } from '../sources/git/objects/tree-entry.ts';
import { type TreeItem, readOddTree } from '../sources/git/objects/tree-items.ts';
import { type PathRules, findPathClass } from '../gate/check-entries.ts';

/** A file that can be served. */
export interface DirectoryFile {
  readonly path: string;
  readonly number: number;
  readonly item: TreeItem;
}

/** Those of one state, each read once. */
export class DigestDirectories {
  readonly #objects: GitObjects;
  readonly #rules: PathRules;
  readonly #known = new Map<string, Promise<readonly DirectoryFile[]>>();

  /** `rules` say which paths are served; the default ones if left out. */
  constructor(objects: GitObjects, rules: PathRules = {}) {
    this.#objects = objects;
    this.#rules = rules;
  }

  /**
   * Object names of the files that can be served from a directory, each once, in the order of their
   * numbers. `tree` is its object name; undefined where there is no such directory. Git is not asked by
   * paths: it would go through all directories on the way for each. Throws a SourceError.
   */
  async idsIn(directory: string, tree: string | undefined): Promise<readonly string[]> {
    const files = await this.filesIn(directory, tree);
    return [...new Set(files.map(({ item: { id } }) => id))];
  }

  /** The files themselves, in the order of their numbers; as {@link idsIn}. */
  async filesIn(directory: string, tree: string | undefined): Promise<readonly DirectoryFile[]> {
    if (tree === undefined) return [];
    const known = this.#known.get(directory);
    if (known) return known;
    const reading = this.#read(directory, tree);
    this.#known.set(directory, reading);
    return reading;
  }

  async #read(directory: string, tree: string): Promise<readonly DirectoryFile[]> {
    const { bytes } = await this.#objects.contents().ask(tree);
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return this.#list(content, directory, tree.length / 2);
  }

  #list(content: Buffer, directory: string, idLength: number): readonly DirectoryFile[] {
    const files: DirectoryFile[] = [];
    for (const item of readOddTree(content, idLength)) {
      // A link or a submodule is not served.
      if (!item?.now || !isFileMode(item.now.mode)) continue;
      const path = `${directory}/${item.name.toString('latin1')}`;
      const place = findPathClass(path, this.#rules);
      if (place.kind !== 'location') continue;
      files.push({ path, number: place.location.number, item: item.now });
    }
    return files.toSorted((a, b) => a.number - b.number);
  }
}
