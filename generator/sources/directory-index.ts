import { type BigIntStats, type Dirent } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import pMap from 'p-map';
import { decodePath } from './decode-path.ts';
import type { FileCalls } from './file-calls.ts';
import { type Entry, SourceError } from './source.ts';

/** An entry and when its file was last written, in milliseconds since 1970. */
export interface IndexedEntry {
  readonly entry: Entry;
  readonly modifiedAt: number;
}

/** What lies below a directory, by path. */
export type DirectoryIndex = ReadonlyMap<string, IndexedEntry>;

const SLASH = Buffer.from('/');
const GIT = '.git';
/** Folders, and files in each, that are asked for at once; more only queue in the thread pool. */
const CONCURRENCY = 32;
/** Folders that are read before anything else gets its turn. */
const FOLDERS_AT_ONCE = 256;

interface Folder {
  readonly files: readonly (IndexedEntry | undefined)[];
  readonly folders: readonly Buffer[];
}

/** Lists every file below a directory, without following links and leaving out `.git`. */
export async function indexDirectory(root: string, calls: FileCalls): Promise<DirectoryIndex> {
  const index = new Map<string, IndexedEntry>();
  const pending: Buffer[] = [Buffer.alloc(0)];
  while (pending.length > 0) {
    const taken = pending.splice(-FOLDERS_AT_ONCE);
    const read = await pMap(taken, async (folder) => indexFolder(root, folder, calls), {
      concurrency: CONCURRENCY,
    });
    for (const { files, folders } of read) {
      for (const found of files) if (found) index.set(found.entry.path, found);
      for (const folder of folders) pending.push(folder);
    }
    await setImmediate();
  }
  return index;
}

async function indexFolder(root: string, folder: Buffer, calls: FileCalls): Promise<Folder> {
  const files: { readonly path: Buffer; readonly child: Dirent<Buffer> }[] = [];
  const folders: Buffer[] = [];
  for (const child of await readFolder(root, folder, calls)) {
    const path = folder.length > 0 ? Buffer.concat([folder, SLASH, child.name]) : child.name;
    if (!child.isDirectory()) files.push({ path, child });
    else if (child.name.toString('latin1') !== GIT) folders.push(path);
  }
  const toEntry = async (file: (typeof files)[number]): Promise<IndexedEntry | undefined> =>
    toIndexed(root, file.path, file.child, calls);
  return { files: await pMap(files, toEntry, { concurrency: CONCURRENCY }), folders };
}

async function readFolder(
  root: string,
  folder: Buffer,
  calls: FileCalls,
): Promise<Dirent<Buffer>[]> {
  const path = absolute(root, folder);
  try {
    return await calls.list(path);
  } catch (cause) {
    // A subdirectory may vanish while the tree is walked; the root must be there.
    if (folder.length > 0 && hasVanished(cause)) return [];
    // To leave it out would take away what was good in it.
    const reason = cause instanceof Error && 'code' in cause ? cause.code : cause;
    throw new SourceError(`${decodePath(path).path}: cannot be read: ${String(reason)}`, {
      cause,
      hint: 'make it readable for the user that runs Lookaside',
    });
  }
}

/** Undefined for a file that has vanished since the directory was read. */
async function toIndexed(
  root: string,
  bytes: Buffer,
  child: Dirent<Buffer>,
  calls: FileCalls,
): Promise<IndexedEntry | undefined> {
  const { path, utf8 } = decodePath(bytes);
  if (!utf8) return { entry: { kind: 'name-not-utf8', path }, modifiedAt: 0 };
  if (child.isSymbolicLink()) return { entry: { kind: 'symlink', path }, modifiedAt: 0 };
  if (!child.isFile()) return { entry: { kind: 'special-file', path }, modifiedAt: 0 };
  try {
    const stats = await calls.stat(absolute(root, bytes));
    const entry: Entry = { kind: 'file', path, size: Number(stats.size), id: identify(stats) };
    return { entry, modifiedAt: Number(stats.mtimeMs) };
  } catch (error) {
    return hasVanished(error) ? undefined : { entry: { kind: 'unreadable', path }, modifiedAt: 0 };
  }
}

function hasVanished(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ENOENT' || error.code === 'ENOTDIR')
  );
}

/** What must be equal for a file to count as unchanged. */
function identify({ size, ino, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${size}.${ino}.${mtimeNs}.${ctimeNs}`;
}

function absolute(root: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(root), SLASH, path]);
}
