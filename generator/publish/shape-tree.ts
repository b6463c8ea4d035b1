import {
  chmodSync,
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { removeTree } from '../system/durable.ts';
import { DIRECTORY_MODE, FILE_MODE, isIntactDirectory, isIntactFile } from './check-tree.ts';
import type { TreeFacts } from './tree-facts.ts';
import type { WantedTree } from './wanted-tree.ts';

/**
 * Makes a directory, which may be there and hold anything, hold the wanted tree and nothing else.
 * What is intact in it stays; what is intact in the `previous` tree is linked from there; only
 * the rest is written. No file is ever written in place, as other trees share it.
 * Gives the paths that have to be synced.
 */
export function shapeTree(
  root: string,
  wanted: WantedTree,
  previous: string | undefined,
  facts: TreeFacts,
): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const [path, names] of wanted.directories) {
    const directory = path === '' ? root : `${root}/${path}`;
    if (isIntactDirectory(directory, names, facts)) continue;
    shapeDirectory(directory, new Set(names));
    touched.add(directory).add(dirname(directory));
  }
  for (const [path, file] of wanted.files) {
    const target = `${root}/${path}`;
    if (isIntactFile(target, file, facts)) continue;
    removeTree(target);
    touched.add(dirname(target));
    const source = `${previous}/${path}`;
    const isLinked = previous !== undefined && isIntactFile(source, file, facts);
    if (isLinked && tryToLink(source, target)) continue;
    writeNew(target, file.bytes);
    touched.add(target);
  }
  return touched;
}

/** Makes a second tree of the same files. Throws if the file system cannot. */
export function linkTree(from: string, to: string, wanted: WantedTree): void {
  for (const path of wanted.directories.keys()) shapeDirectory(`${to}/${path}`, new Set());
  for (const [path] of wanted.files) linkSync(`${from}/${path}`, `${to}/${path}`);
}

function shapeDirectory(path: string, names: ReadonlySet<string>): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) {
    removeTree(path);
    mkdirSync(path);
  }
  chmodSync(path, DIRECTORY_MODE);
  if (!stats) return;
  for (const name of readdirSync(path)) if (!names.has(name)) removeTree(`${path}/${name}`);
}

/** There are file systems without links, files with too many, and files that may not be linked. */
function tryToLink(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false;
  }
}

function writeNew(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', FILE_MODE);
  try {
    writeFileSync(file, bytes);
    fchmodSync(file, FILE_MODE);
  } finally {
    closeSync(file);
  }
}
