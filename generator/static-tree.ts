// The store as a tree of files for those who host it with another web server:
// DIR/generations/<id>/… and DIR/current, a link to the newest. A generation is written
// under a temporary name, synced, and renamed, so a name below `generations/` is always
// whole; `current` is replaced by renaming a new link over it. Whatever moment the process
// or the machine dies at, `current` leads to a whole generation.
//
// Generations share the files that are the same in them, by hard links. Directories cannot be
// shared, and to make 100,000 costs nearly as much as to write them; so one tree that nobody
// reads any more is kept, DIR/.lookaside/spare, and only what changed is changed in it. Nothing
// is carried on unseen; see tree-facts.ts for how it is seen without reading it all.
import { createHash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readlink, rename, symlink, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DIRECTORY_MODE, holdsTree } from './check-tree.ts';
import { lockDirectory } from './directory-lock.ts';
import { removeTree } from './remove-tree.ts';
import { linkTree, shapeTree } from './shape-tree.ts';
import type { SignatureStore } from './store.ts';
import { syncFileSystem, syncPath, syncPaths } from './sync-paths.ts';
import { TreeFacts } from './tree-facts.ts';
import { type WantedTree, toWantedTree } from './wanted-tree.ts';

/**
 * A web server may still read a generation that was replaced, so it is kept for this long.
 * Milliseconds.
 */
export const KEEP_REPLACED_FOR = 10 * 60_000;

const GENERATIONS = 'generations';
const CURRENT = 'current';
/** What is not served, but makes the next run cheap. It may be removed at any time. */
const STATE = '.lookaside';
const FACTS = 'facts';
const SPARE = 'spare';
/** Names that no generation has; left behind only by a killed run. */
const TEMPORARY = '.tmp-';
const CONTENT_ID_LENGTH = 16;

/** Writes the store below `out` and makes it current as of `now`; gives the generation's directory. */
export async function writeStaticTree(
  store: SignatureStore,
  out: string,
  commit: string | undefined,
  now: Date,
): Promise<string> {
  for (const name of [GENERATIONS, STATE]) await makeReadable(join(resolve(out), name));
  const unlock = await lockDirectory(out);
  try {
    return await writeLocked(store, out, commit, now);
  } finally {
    await unlock();
  }
}

async function writeLocked(
  store: SignatureStore,
  out: string,
  commit: string | undefined,
  now: Date,
): Promise<string> {
  await removeLeftovers(out);
  const wanted = toWantedTree(store);
  const facts = new TreeFacts(join(out, STATE, FACTS), temporaryIn(join(out, STATE)));
  facts.mark();
  const id = await freeId(out, commit, wanted, facts);
  const generation = join(out, GENERATIONS, id);
  const previous = await readlink(join(out, CURRENT)).catch(() => undefined);
  let isLinked = false;
  if (!(await exists(generation))) {
    const from = previous === undefined ? undefined : join(out, previous);
    isLinked = !(await writeGeneration(generation, spareOf(out), wanted, from, facts, now));
  }
  await switchCurrent(out, id, previous, now);
  const isUnlinked = await prune(out, id, now);
  if (previous === undefined) await makeSpare(generation, spareOf(out), wanted);
  if (isLinked || isUnlinked) {
    // A link that comes or goes is a change of the file in every other tree.
    facts.mark();
    for (const tree of [generation, spareOf(out)]) holdsTree(tree, wanted, facts);
  }
  facts.save();
  return generation;
}

/**
 * The same commit gives another tree with other keys; then the content tells them apart. What was
 * damaged stays until it is pruned, as `current` may still lead to it.
 */
async function freeId(
  out: string,
  commit: string | undefined,
  wanted: WantedTree,
  facts: TreeFacts,
): Promise<string> {
  const isFree = async (id: string): Promise<boolean> => {
    const generation = join(out, GENERATIONS, id);
    return !(await exists(generation)) || holdsTree(generation, wanted, facts);
  };
  if (commit !== undefined && (await isFree(commit))) return commit;
  const content = contentId(wanted);
  const id = commit ?? content;
  let free = commit === undefined ? content : `${id}-${content}`;
  for (let damaged = commit === undefined ? 0 : 1; !(await isFree(free)); damaged++) {
    free = damaged === 0 ? `${id}-${content}` : `${id}-${content}-${damaged}`;
  }
  return free;
}

function contentId(wanted: WantedTree): string {
  const lines = [...wanted.files].map(([path, { hash }]) => `${path} ${hash}\n`);
  const hash = createHash('sha256').update(lines.toSorted().join(''));
  return hash.digest('hex').slice(0, CONTENT_ID_LENGTH);
}

/** Turns the spare tree into the generation, or makes it anew; tells whether it was the spare. */
async function writeGeneration(
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
async function makeSpare(generation: string, spare: string, wanted: WantedTree): Promise<void> {
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

/** Makes a directory, and its parents, that a web server can read whatever the umask is. */
async function makeReadable(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await chmod(made, DIRECTORY_MODE);
  }
}

async function switchCurrent(
  out: string,
  id: string,
  before: string | undefined,
  now: Date,
): Promise<void> {
  const target = join(GENERATIONS, id);
  if (before === target) return;
  const link = temporaryIn(out);
  await symlink(target, link);
  await rename(link, join(out, CURRENT));
  await syncPath(out);
  // From now on the replaced generation ages; see prune.
  if (before !== undefined) await utimes(join(out, before), now, now).catch(() => undefined);
}

/** Of the generations that nobody reads any more one is the next spare; tells if others went. */
async function prune(out: string, current: string, now: Date): Promise<boolean> {
  const generations = join(out, GENERATIONS);
  let isUnlinked = false;
  for (const name of await readdir(generations)) {
    if (name === current) continue;
    const path = join(generations, name);
    const replacedAt = (await statsOf(path))?.mtimeMs ?? 0;
    if (now.getTime() - replacedAt < KEEP_REPLACED_FOR) continue;
    if (!(await exists(spareOf(out)))) await rename(path, spareOf(out));
    else {
      // Renamed first, so that a name below `generations/` never stands for a part of one.
      const doomed = temporaryIn(generations);
      await rename(path, doomed);
      removeTree(doomed);
      isUnlinked = true;
    }
  }
  return isUnlinked;
}

async function removeLeftovers(out: string): Promise<void> {
  for (const directory of [out, join(out, GENERATIONS), join(out, STATE)]) {
    for (const name of await readdir(directory)) {
      if (name.startsWith(TEMPORARY)) removeTree(join(directory, name));
    }
  }
}

function spareOf(out: string): string {
  return join(out, STATE, SPARE);
}

function temporaryIn(directory: string): string {
  return join(directory, `${TEMPORARY}${randomUUID()}`);
}

async function exists(path: string): Promise<boolean> {
  return (await statsOf(path)) !== undefined;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}
