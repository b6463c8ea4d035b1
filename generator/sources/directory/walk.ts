// The tree below a directory, listed without waiting: for a thread that has nothing else to do. In
// here a path is a string of bytes, one a character (latin1): file systems have nothing else.
import { type Dirent, readdirSync } from 'node:fs';
import type { StateCounter } from '../state-counter.ts';
import { cannotBeListed, hasVanished } from './directory-entry.ts';

/** An entry that is no directory. */
export interface Found {
  readonly path: string;
  readonly child: Dirent<Buffer>;
}

const GIT = '.git';
const LISTED = { withFileTypes: true, encoding: 'buffer' } as const;

/**
 * Gives all that lies below a root, without following links and leaving out `.git`. All of it is
 * counted.
 * @throws SourceError for a folder that cannot be listed, and what the counter throws.
 */
export function* walkDirectory(root: string, counter: StateCounter): Generator<Found, undefined> {
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
