import { randomUUID } from 'node:crypto';
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
import { rename, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeTree } from '../system/durable.ts';
import { syncFileSystem, syncPath, syncPaths } from '../system/durable.ts';
import type { TreeFacts } from './tree-facts.ts';
import {
  DIRECTORY_MODE,
  FILE_MODE,
  type WantedTree,
  isIntactDirectory,
  isIntactFile,
} from './wanted-tree.ts';

const TEMPORARY = '.tmp-';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A name that nothing in the directory has. */
export function temporaryIn(directory: string): string {
  return join(directory, `${TEMPORARY}${randomUUID()}`);
}

/** Whether a name is one that `temporaryIn` gives: left behind by a killed run, and not somebody else's. */
export function isTemporary(name: string): boolean {
  return name.startsWith(TEMPORARY) && UUID.test(name.slice(TEMPORARY.length));
}

/**
 * Turns the spare tree into the generation, or makes it anew with what `previous` has; tells
 * whether it was the spare. Nothing has the generation's name before all of it is on the disk.
 */
export async function writeGeneration(
  generation: string,
  spare: string,
  wanted: WantedTree,
  previous: string | undefined,
  facts: TreeFacts,
  now: Date,
): Promise<boolean> {
  const temporary = temporaryIn(dirname(generation));
  const isRecycled = await rename(spare, temporary).then(
    () => true,
    () => false,
  );
  try {
    const touched = shapeTree(temporary, wanted, previous, facts);
    // A spare is old; killed before it is current, it must not be taken for replaced long ago.
    await utimes(temporary, now, now);
    await syncPaths(touched, temporary);
    await rename(temporary, generation);
  } catch (error) {
    // Half a tree must not go on filling the disk.
    removeTree(temporary);
    // Without the spare there is more room, and nothing in it that cannot be changed.
    if (isRecycled) return writeGeneration(generation, spare, wanted, previous, facts, now);
    throw error;
  }
  await syncPath(dirname(generation));
  return isRecycled;
}

/** Links a second tree for the next run to start from. Without it that run only takes longer. */
export async function makeSpare(
  generation: string,
  spare: string,
  wanted: WantedTree,
): Promise<void> {
  const temporary = temporaryIn(dirname(spare));
  try {
    linkTree(generation, temporary, wanted);
    // What the next run finds unchanged in it is not synced again.
    if (!(await syncFileSystem(temporary))) throw new Error('cannot sync at once');
    await rename(temporary, spare);
  } catch {
    removeTree(temporary);
  }
}

/**
 * Makes a directory, which may be there and hold anything, hold the wanted tree and nothing else.
 * What is intact in it stays; what is intact in the `previous` tree is linked from there; only
 * the rest is written. No file is ever written in place, as other trees share it.
 * Gives the paths that have to be synced.
 */
function shapeTree(
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
    writeFileAnew(target, file.bytes);
    touched.add(target);
  }
  return touched;
}

/** Makes a second tree of the same files. Throws if the file system cannot. */
function linkTree(from: string, to: string, wanted: WantedTree): void {
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

function writeFileAnew(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', FILE_MODE);
  try {
    writeFileSync(file, bytes);
    fchmodSync(file, FILE_MODE);
  } finally {
    closeSync(file);
  }
}
