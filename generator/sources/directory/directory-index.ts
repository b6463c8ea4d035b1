import { type BigIntStats, type Dirent, lstat, readdir } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import pMap from 'p-map';
import { decodePath } from '../decode-path.ts';
import type { StateCounter } from '../state-counter.ts';
import { cannotBeListed, hasVanished, kindOf, toLink } from './walk.ts';
import type { Entry } from '../source.ts';

/** An entry and when its file was last written, in milliseconds since 1970. */
export interface IndexedEntry {
  readonly entry: Entry;
  readonly modifiedAt: number;
}

/** What is below a directory, by path. */
export type DirectoryIndex = ReadonlyMap<string, IndexedEntry>;

// In the thread pool: a file system that hangs stops nothing else.
const list = promisify(readdir);
const stat = promisify(lstat);

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

/**
 * Lists every file below a directory, without following links and leaving out `.git`. All that is
 * listed is counted, and the counter may end it.
 */
export async function indexDirectory(root: string, counter: StateCounter): Promise<DirectoryIndex> {
  const index = new Map<string, IndexedEntry>();
  const pending: Buffer[] = [Buffer.alloc(0)];
  while (pending.length > 0) {
    const taken = pending.splice(-FOLDERS_AT_ONCE);
    const read = await pMap(taken, async (folder) => indexFolder(root, folder, counter), {
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

async function indexFolder(root: string, folder: Buffer, counter: StateCounter): Promise<Folder> {
  const files: { readonly path: Buffer; readonly child: Dirent<Buffer> }[] = [];
  const folders: Buffer[] = [];
  for (const child of await readFolder(root, folder)) {
    const path = folder.length > 0 ? Buffer.concat([folder, SLASH, child.name]) : child.name;
    const isFolder = child.isDirectory();
    if (isFolder && child.name.toString('latin1') === GIT) continue;
    counter.add(isFolder ? 'directories' : 'files', path.length);
    if (isFolder) folders.push(path);
    else files.push({ path, child });
  }
  const toEntry = async (file: (typeof files)[number]): Promise<IndexedEntry | undefined> =>
    toIndexed(root, file.path, file.child);
  return { files: await pMap(files, toEntry, { concurrency: CONCURRENCY }), folders };
}

async function readFolder(root: string, folder: Buffer): Promise<Dirent<Buffer>[]> {
  const path = absolute(root, folder);
  try {
    return await list(path, { withFileTypes: true, encoding: 'buffer' });
  } catch (cause) {
    // A subdirectory may vanish while the tree is walked; the root must be there.
    if (folder.length > 0 && hasVanished(cause)) return [];
    throw cannotBeListed(path, cause);
  }
}

/** Undefined for a file that has vanished since the directory was read. */
async function toIndexed(
  root: string,
  bytes: Buffer,
  child: Dirent<Buffer>,
): Promise<IndexedEntry | undefined> {
  const { path, utf8 } = decodePath(bytes);
  const kind = kindOf(child, utf8);
  if (kind === 'symlink') {
    return { entry: toLink(path, absolute(root, bytes)), modifiedAt: 0 };
  }
  if (kind !== 'file') return { entry: { kind, path }, modifiedAt: 0 };
  try {
    const stats = await stat(absolute(root, bytes), { bigint: true });
    const entry: Entry = { kind, path, size: Number(stats.size), id: identify(stats) };
    return { entry, modifiedAt: Number(stats.mtimeMs) };
  } catch (error) {
    return hasVanished(error) ? undefined : { entry: { kind: 'unreadable', path }, modifiedAt: 0 };
  }
}

/** What must be equal for a file to count as unchanged. */
function identify({ size, ino, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${size}.${ino}.${mtimeNs}.${ctimeNs}`;
}

function absolute(root: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(root), SLASH, path]);
}
