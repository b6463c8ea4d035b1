// Reads a tree that stands for `/` of a machine, as if it were it: absolute links start at the
// tree's own root and nothing leads out of it. Only regular files are opened, and of each no more
// than a bearable part is read, whatever its size is said to be.
import { type Stats, constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ClosedEntry, FoundContent } from '../../generator/nodes/check/node-state.ts';
import { messageOf } from '../../generator/terms/errors.ts';

/** Names in a directory, sorted. */
export type FoundNames =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | Exclude<FoundContent, { kind: 'file' }>;

/** Above, no file of a node's configuration is meant; keys of many people have less. Bytes. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Of all files together, lest many large ones fill the memory. Bytes. */
const MAX_TOTAL_BYTES = 4 * MAX_FILE_BYTES;
/** As Linux has it (path_resolution(7)). */
const MAX_LINKS = 40;

/** What an entry is that the user who asks may not read. */
export const FORBIDDEN = 'one that this user may not read';

class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/** The files of one tree. Paths are relative to its root. */
export class RootedFiles {
  readonly #root: string;
  /** Bytes that may still be read. */
  #left = MAX_TOTAL_BYTES;

  constructor(root: string) {
    this.#root = root;
  }

  /** Reads a file of at most so many bytes. */
  async readFile(path: string, limit = MAX_FILE_BYTES): Promise<FoundContent> {
    return attempt(async () => {
      const place = join(this.#root, await resolveInside(this.#root, path));
      const bytes = await readRegular(place, Math.min(limit, this.#left));
      this.#left -= bytes.length;
      return { kind: 'file', bytes } as const;
    });
  }

  async readNames(path: string): Promise<FoundNames> {
    return attempt(async () => {
      const directory = join(this.#root, await resolveInside(this.#root, path));
      if (!(await lstat(directory)).isDirectory()) throw new UnreadableError('a file');
      return { kind: 'names', names: (await readdir(directory)).toSorted() } as const;
    });
  }

  /** Whether a file lies at a path, and no link to one. */
  async isRegular(path: string): Promise<boolean> {
    const directory = await resolveInside(this.#root, dirname(path)).catch(() => undefined);
    if (directory === undefined) return false;
    const stats = await lstat(join(this.#root, directory, basename(path))).catch(() => undefined);
    return stats?.isFile() ?? false;
  }

  /** Where a path leads, without links; itself if that cannot be said. */
  async follow(path: string): Promise<string> {
    return resolveInside(this.#root, path).catch(() => path);
  }

  /** The first entry on the way to a file or directory, or itself, that is not open to all users. */
  async findClosed(path: string): Promise<ClosedEntry | undefined> {
    const seen = new Map<string, Stats>();
    const see: See = (entry, stats) => seen.set(entry, stats);
    const end = await resolveInside(this.#root, path, see).catch(() => undefined);
    if (end === undefined) return undefined;
    const closed = [...seen].find(([entry, stats]) => !isOpen(stats, entry === end));
    if (!closed) return undefined;
    const [entry, stats] = closed;
    return { path: entry, isDirectory: stats.isDirectory(), mode: stats.mode & PERMISSIONS };
  }
}

async function attempt<Result>(read: () => Promise<Result>) {
  try {
    return await read();
  } catch (error) {
    return toFailure(error);
  }
}

/** Is told of all that a path leads through, but links. */
type See = (path: string, stats: Stats) => unknown;

/** What users who are neither the owner nor of the group may do (chmod(2)). */
const OTHERS_READ = 0o4;
const OTHERS_SEARCH = 0o1;
const PERMISSIONS = 0o7777;

function isOpen(stats: Stats, isRead: boolean): boolean {
  const needed = (isRead ? OTHERS_READ : 0) | (stats.isDirectory() ? OTHERS_SEARCH : 0);
  return (stats.mode & needed) === needed;
}

/** Walks a path as the machine would whose root this is. */
async function resolveInside(root: string, path: string, see?: See): Promise<string> {
  const left = toComponents(path);
  const walked: string[] = [];
  let links = 0;
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === '..') {
      walked.pop();
      continue;
    }
    const here = join(root, ...walked, name);
    const stats = await lstat(here);
    if (!stats.isSymbolicLink()) {
      walked.push(name);
      see?.(walked.join('/'), stats);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw new UnreadableError('a loop of symbolic links');
    const target = await readlink(here);
    if (target.startsWith('/')) walked.length = 0;
    left.unshift(...toComponents(target));
  }
  return walked.join('/');
}

function toComponents(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Opening a pipe or a device can wait for ever, or do something: it is looked at first. */
async function readRegular(path: string, limit: number): Promise<Uint8Array> {
  refuseSpecial(await lstat(path));
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await file.stat();
    refuseSpecial(stats);
    if (stats.size > limit) throw tooLarge();
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of file.createReadStream({ autoClose: false, end: limit })) {
      const bytes = Buffer.from(piece);
      pieces.push(bytes);
      size += bytes.length;
    }
    if (size > limit) throw tooLarge();
    return Buffer.concat(pieces);
  } finally {
    await file.close();
  }
}

function refuseSpecial(stats: { isFile: () => boolean; isDirectory: () => boolean }): void {
  if (stats.isDirectory()) throw new UnreadableError('a directory');
  if (!stats.isFile()) throw new UnreadableError('a special file');
}

function tooLarge(): UnreadableError {
  return new UnreadableError('one that is too large');
}

function toFailure(error: unknown): Exclude<FoundContent, { kind: 'file' }> {
  if (error instanceof UnreadableError) return { kind: 'unreadable', reason: error.message };
  const code = error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { kind: 'missing' };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'unreadable', reason: FORBIDDEN };
    default:
      return { kind: 'unreadable', reason: `one that cannot be read (${code})` };
  }
}
