import { type BigIntStats, type Dirent, lstat } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import pMap from 'p-map';
import { decodePath } from './decode-path.ts';
import { type Entry, SourceError } from './source.ts';

/** An entry and when its file was last written, in milliseconds since 1970. */
export interface IndexedEntry {
  readonly entry: Entry;
  readonly modifiedAt: number;
}

/** What lies below a directory, by path. */
export type DirectoryIndex = ReadonlyMap<string, IndexedEntry>;

/** For many calls cheaper than those that promise by themselves. */
const statOf = promisify(lstat);
const SLASH = Buffer.from('/');
const GIT = '.git';
/** lstat calls at once; more only queue in the thread pool. */
const CONCURRENCY = 32;

/** Lists every file below a directory, without following links and leaving out `.git`. */
export async function indexDirectory(root: string): Promise<DirectoryIndex> {
  const index = new Map<string, IndexedEntry>();
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (let folder = pending.pop(); folder; folder = pending.pop()) {
    const files: { readonly path: Buffer; readonly child: Dirent<Buffer> }[] = [];
    for (const child of await readFolder(root, folder)) {
      const path = folder.length > 0 ? Buffer.concat([folder, SLASH, child.name]) : child.name;
      if (!child.isDirectory()) files.push({ path, child });
      else if (child.name.toString('latin1') !== GIT) pending.push(path);
    }
    const indexed = await pMap(files, async ({ path, child }) => toIndexed(root, path, child), {
      concurrency: CONCURRENCY,
    });
    for (const found of indexed) if (found) index.set(found.entry.path, found);
  }
  return index;
}

async function readFolder(root: string, folder: Buffer): Promise<Dirent<Buffer>[]> {
  const path = absolute(root, folder);
  try {
    return await readdir(path, { withFileTypes: true, encoding: 'buffer' });
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
): Promise<IndexedEntry | undefined> {
  const { path, utf8 } = decodePath(bytes);
  if (!utf8) return { entry: { kind: 'name-not-utf8', path }, modifiedAt: 0 };
  if (child.isSymbolicLink()) return { entry: { kind: 'symlink', path }, modifiedAt: 0 };
  if (!child.isFile()) return { entry: { kind: 'special-file', path }, modifiedAt: 0 };
  try {
    const stats = await statOf(absolute(root, bytes), { bigint: true });
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
