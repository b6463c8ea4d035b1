// The directories of one commit, read level by level: whatever is asked for together is brought
// together, a round trip a level, however many directories there are beside.
import { type TreeItem, compareTrees, isTree } from './tree-items.ts';
import { isFileMode } from './tree-entry.ts';

const NOTHING = Buffer.alloc(0);

/** What stands in a directory under a name. */
export interface TipEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'submodule';
  /** Its object name. */
  readonly id: string;
}

/** Gives objects by their names; `bring` is told first of all that are going to be read. */
export interface TipObjects {
  readonly bring: (ids: Iterable<string>) => Promise<void>;
  /** Of one that is here. */
  readonly read: (id: string) => Promise<Buffer>;
  /** In bytes, by their names. */
  readonly sizes: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>;
}

export class TipTree {
  readonly #objects: TipObjects;
  readonly #root: string;
  /** Directories that were read, by their object names. */
  readonly #trees = new Map<string, Buffer>();

  /** `root` is the object name of the outermost directory; undefined where there is nothing yet. */
  constructor(objects: TipObjects, root: string | undefined) {
    this.#objects = objects;
    this.#root = root ?? '';
  }

  /** What stands at paths (`/` between components; '' is the root); those with nothing are left out. */
  async find(paths: Iterable<string>): Promise<ReadonlyMap<string, TipEntry>> {
    const found = new Map<string, TipEntry>();
    if (this.#root === '') return found;
    let level: Ask[] = [...new Set(paths)].map((path) => ({
      path,
      rest: path === '' ? [] : path.split('/'),
      at: { name: '', kind: 'directory', id: this.#root },
    }));
    while (level.length > 0) {
      for (const { path, at } of level.filter(({ rest }) => rest.length === 0)) found.set(path, at);
      level = await this.#descend(
        level.filter(({ rest, at }) => rest.length > 0 && at.kind === 'directory'),
      );
    }
    return found;
  }

  /** All that stands in directories, by their paths; what is no directory is empty. */
  async list(paths: Iterable<string>): Promise<ReadonlyMap<string, readonly TipEntry[]>> {
    const wanted = [...new Set(paths)];
    const found = await this.find(wanted);
    const directories = [...found].filter(([, { kind }]) => kind === 'directory');
    await this.#bring(directories.map(([, { id }]) => id));
    const lists = new Map<string, readonly TipEntry[]>(wanted.map((path) => [path, []]));
    for (const [path, { id }] of directories) {
      lists.set(path, [...this.#entries(id)].map(toTipEntry));
    }
    return lists;
  }

  /** The bytes of files, by their object names. */
  async read(ids: Iterable<string>): Promise<ReadonlyMap<string, Buffer>> {
    const wanted = [...new Set(ids)];
    await this.#objects.bring(wanted);
    const read = wanted.map(async (id) => [id, await this.#objects.read(id)] as const);
    return new Map(await Promise.all(read));
  }

  /** The bytes of a file; undefined where there is none. */
  async readFile(path: string): Promise<Buffer | undefined> {
    const entry = (await this.find([path])).get(path);
    if (entry?.kind !== 'file') return undefined;
    return (await this.read([entry.id])).get(entry.id);
  }

  /** The sizes of files in bytes, by their object names. */
  async sizes(ids: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    return this.#objects.sizes([...new Set(ids)]);
  }

  /** One level down. */
  async #descend(asked: readonly Ask[]): Promise<Ask[]> {
    await this.#bring(asked.map(({ at }) => at.id));
    const next: Ask[] = [];
    for (const [id, asks] of groupBy(asked, ({ at }) => at.id)) {
      const byName = groupBy(asks, ({ rest: [name = ''] }) => toBytesOf(name));
      for (const item of this.#entries(id)) {
        for (const { path, rest } of byName.get(item.name.toString('latin1')) ?? []) {
          next.push({ path, rest: rest.slice(1), at: toTipEntry(item) });
        }
      }
    }
    return next;
  }

  async #bring(ids: readonly string[]): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => !this.#trees.has(id));
    await this.#objects.bring(missing);
    const read = missing.map(async (id) => this.#trees.set(id, await this.#objects.read(id)));
    await Promise.all(read);
  }

  *#entries(id: string): Generator<TreeItem> {
    const tree = this.#trees.get(id) ?? NOTHING;
    for (const step of compareTrees(NOTHING, tree, id.length / 2)) {
      if (step?.now) yield step.now;
    }
  }
}

/** A path on the way down. */
interface Ask {
  readonly path: string;
  readonly rest: readonly string[];
  readonly at: TipEntry;
}

function groupBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** The bytes of a name in UTF-8, one a character. */
function toBytesOf(name: string): string {
  return Buffer.from(name).toString('latin1');
}

function toTipEntry(item: TreeItem): TipEntry {
  return { name: item.name.toString(), kind: kindOf(item), id: item.id };
}

function kindOf(item: TreeItem): TipEntry['kind'] {
  if (isTree(item)) return 'directory';
  if (isFileMode(item.mode)) return 'file';
  return item.mode === '120000' ? 'symlink' : 'submodule';
}
