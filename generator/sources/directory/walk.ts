// The tree below a directory, listed without waiting: for a thread that has nothing else to do. In
// here a path is a string of bytes, one a character (latin1): file systems have nothing else.
import { type Dirent, readdirSync } from 'node:fs';
import type { StateCounter } from '../state-counter.ts';
import { cannotBeListed, hasVanished } from './directory-entry.ts';

/** An entry that is no directory. */
export interface WalkedEntry {
  readonly path: string;
  readonly child: Dirent<Buffer>;
}

const GIT = '.git';
const LISTED = { withFileTypes: true, encoding: 'buffer' } as const;

/**
 * Gives all that lies below the folders of a root, without following links and leaving out `.git`.
 * `folders` is the list of what is still to be done ('' is the root itself), and may be emptied by
 * whoever takes that over. All of it is counted.
 * @throws SourceError for a folder that cannot be listed, and what the counter throws.
 */
export function* walkDirectory(
  root: string,
  folders: string[],
  counter: StateCounter,
): Generator<WalkedEntry, undefined> {
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
