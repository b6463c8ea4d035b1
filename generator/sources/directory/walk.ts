// The tree below a directory, listed without waiting: for a process that does nothing else meanwhile.
// A path is a string of bytes here, one a character (latin1): file systems have nothing else.
import { type Dirent, readdirSync, readlinkSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { hasCode } from '../../terms/errors.ts';
import { decodePath } from '../decode-path.ts';
import { type Entry, type LinkEntry, SourceError } from '../source.ts';
import type { StateCounter } from '../state-counter.ts';

/** An entry that is no directory. */
export interface WalkedEntry {
  readonly path: string;
  readonly child: Dirent<Buffer>;
}

const GIT = '.git';
const LISTED = { withFileTypes: true, encoding: 'buffer' } as const;

/**
 * Gives everything below a root, without following links and leaving out `.git`. All of it is
 * counted.
 * @throws SourceError for a folder that cannot be listed, and what the counter throws.
 */
export function* walkDirectory(
  root: string,
  counter: StateCounter,
): Generator<WalkedEntry, undefined> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const child of list(root, folder)) {
      const name = child.name.toString('latin1');
      const path = folder === '' ? name : `${folder}/${name}`;
      const isFolder = child.isDirectory();
      if (isFolder && name === GIT) continue;
      counter.add(isFolder ? 'directories' : 'files', path.length);
      if (isFolder) folders.push(path);
      else yield { path, child };
    }
  }
}

/** For the calls of the file system. */
export function toBytes(root: string, path: string): Buffer {
  return Buffer.from(`${root}/${path}`, 'latin1');
}

function list(root: string, folder: string): readonly Dirent<Buffer>[] {
  const path = toBytes(root, folder);
  try {
    return readdirSync(path, LISTED);
  } catch (cause) {
    // A subdirectory may vanish while the tree is walked; the root must be there.
    if (folder !== '' && hasVanished(cause)) return [];
    throw cannotBeListed(path, cause);
  }
}

/** What an entry that is no directory is taken for. */
export function kindOf(
  child: Pick<Dirent, 'isFile' | 'isSymbolicLink'>,
  utf8: boolean,
): Exclude<Entry['kind'], 'submodule' | 'removed'> {
  if (!utf8) return 'name-not-utf8';
  if (child.isSymbolicLink()) return 'symlink';
  return child.isFile() ? 'file' : 'special-file';
}

/** A link with where it leads, as far as that can be read. */
export function toLink(path: string, file: Buffer): LinkEntry {
  try {
    const bytes = readlinkSync(file, { encoding: 'buffer' });
    const id = bytes.toString('latin1');
    return { kind: 'symlink', path, target: { kind: 'file', path, size: bytes.length, id, bytes } };
  } catch {
    // It is gone, or no link any more: the next listing says what is there.
    return { kind: 'symlink', path };
  }
}

/** Whether what was listed was gone when it was looked at. */
export function hasVanished(error: unknown): boolean {
  return hasCode(error, 'ENOENT', 'ENOTDIR');
}

/** A directory that cannot be listed: to leave it out would take away what was good in it. */
export function cannotBeListed(path: Uint8Array, cause: unknown): SourceError {
  const reason = cause instanceof Error && 'code' in cause ? cause.code : cause;
  return new SourceError(`${decodePath(path).path}: cannot be read: ${String(reason)}`, {
    cause,
    hint: 'make it readable for the user that runs Lookaside',
  });
}

/**
 * The directory that a path leads to, which alone may do so through a link.
 * @throws SourceError if there is none.
 */
export async function resolveRoot(root: string): Promise<string> {
  const real = await realpath(root).catch((cause: unknown) => {
    const hint = 'name a directory or a git URL';
    throw new SourceError(`${root}: no such directory`, { cause, hint });
  });
  if ((await stat(real)).isDirectory()) return real;
  throw new SourceError(`${root}: not a directory`, { hint: 'name a directory or a git URL' });
}
