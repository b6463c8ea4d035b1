// Files that were read, as they looked just before: who replaces them need not say so. A link counts as
// what it leads to, so the files of a Kubernetes volume, which are links through `..data`, change together
// when that link does.
import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_FILE } from './read-keys.ts';

/** Called with each file, or directory of key files, just before it is read. */
export type NoteFile = (path: string) => Promise<void>;

export class NotedFiles {
  /** By path. */
  readonly #looks = new Map<string, string>();

  /** To be called before all of them are read anew. */
  begin(): void {
    this.#looks.clear();
  }

  /** A file that is read more than once counts as it was before the first time. */
  readonly note: NoteFile = async (path) => {
    if (!this.#looks.has(path)) this.#looks.set(path, await describeLook(path));
  };

  /** How they look now; undefined where they look as they did before they were read. */
  async findChange(): Promise<string | undefined> {
    const changes: string[] = [];
    // One by one: a disk that hangs holds up one thread, and lookups none.
    for (const [path, before] of this.#looks) {
      const now = await describeLook(path);
      if (now !== before) changes.push(`${path}\0${now}`);
    }
    return changes.length === 0 ? undefined : changes.join('\0\0');
  }
}

/** What changes with a file, or with one of the key files in a directory. Never throws. */
async function describeLook(path: string): Promise<string> {
  try {
    const stats = await stat(path, { bigint: true });
    if (!stats.isDirectory()) return formatStats(stats);
    const names = (await readdir(path)).filter((name) => KEY_FILE.test(name)).toSorted();
    const looks: string[] = [];
    for (const name of names) looks.push(`${name}\0${await describeFile(join(path, name))}`);
    return `directory\0${looks.join('\0')}`;
  } catch (error) {
    return codeOf(error);
  }
}

async function describeFile(path: string): Promise<string> {
  try {
    return formatStats(await stat(path, { bigint: true }));
  } catch (error) {
    return codeOf(error);
  }
}

/** The time of the last change of the inode is there for files that were made readable. */
function formatStats({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** `ENOENT`, for example. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
