import { createHash } from 'node:crypto';
import { type Stats, lstatSync, readFileSync, readdirSync } from 'node:fs';
import type { StoredSignature } from '../store/store.ts';
import type { TreeFacts } from './tree-facts.ts';
import type { WantedTree } from './wanted-tree.ts';

/** Everybody may read a tree, whatever the umask is. */
export const DIRECTORY_MODE = 0o755;
export const FILE_MODE = 0o644;
const PERMISSIONS = 0o777;
/** Longer lists of names are kept as a hash. Characters. */
const MAX_NAMES_LENGTH = 64;

/** Whether a directory holds the wanted tree, byte for byte and mode for mode, and nothing else. */
export function holdsTree(root: string, wanted: WantedTree, facts: TreeFacts): boolean {
  // All of it is looked at even if something is wrong: the rest is to be noted as well.
  let holds = true;
  for (const [path, names] of wanted.directories) {
    if (!isIntactDirectory(`${root}/${path}`, names, facts)) holds = false;
  }
  for (const [path, file] of wanted.files) {
    if (!isIntactFile(`${root}/${path}`, file, facts)) holds = false;
  }
  return holds;
}

/** Whether there is a regular file with these bytes and the right mode. */
export function isIntactFile(path: string, file: StoredSignature, facts: TreeFacts): boolean {
  const stats = statsOf(path);
  if (!stats?.isFile()) return false;
  if (facts.has(stats, file.hash)) return true;
  if ((stats.mode & PERMISSIONS) !== FILE_MODE || stats.size !== file.bytes.length) return false;
  if (!tryTo(() => readFileSync(path))?.equals(file.bytes)) return false;
  facts.note(stats, file.hash);
  return true;
}

/** Whether there is a directory with these (sorted) names in it and the right mode. */
export function isIntactDirectory(
  path: string,
  names: readonly string[],
  facts: TreeFacts,
): boolean {
  const stats = statsOf(path);
  if (!stats?.isDirectory()) return false;
  const content = contentOf(names);
  if (facts.has(stats, content)) return true;
  if ((stats.mode & PERMISSIONS) !== DIRECTORY_MODE) return false;
  const found = tryTo(() => readdirSync(path).toSorted());
  if (!found || contentOf(found) !== content) return false;
  facts.note(stats, content);
  return true;
}

function contentOf(names: readonly string[]): string {
  // No name has a slash in it, and no hash starts with one.
  const list = `/${names.join('/')}`;
  if (list.length <= MAX_NAMES_LENGTH) return list;
  return `/${names.length}/${createHash('sha256').update(list).digest('base64url')}`;
}

function statsOf(path: string): Stats | undefined {
  return tryTo(() => lstatSync(path, { throwIfNoEntry: false }));
}

/** What cannot be read is not intact, for whatever reason. */
function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
