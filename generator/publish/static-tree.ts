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
import type { Stats } from 'node:fs';
import {
  chmod,
  lstat,
  readFile,
  readdir,
  readlink,
  rename,
  symlink,
  unlink,
  utimes,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { lockDirectory } from '../system/directory-lock.ts';
import { removeTree } from '../system/durable.ts';
import { syncPath } from '../system/durable.ts';
import { hasCode } from '../terms/errors.ts';
import { PRIVATE_DIRECTORY, makeDirectories } from '../system/make-directories.ts';
import { type ReplacedTree, holdPublished } from './published-numbers.ts';
import { TreeFacts } from './tree-facts.ts';
import {
  DIRECTORY_MODE,
  type ServedStore,
  generationId,
  holdsTree,
  isGenerationId,
  toWantedTree,
} from './wanted-tree.ts';
import { isTemporary, makeSpare, temporaryIn, writeGeneration } from './write-generation.ts';

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
/** The clone of a git source, and what was judged of it. Not for a web server, even by mistake. */
const SOURCE = 'source';

/**
 * Writes the store below `out` and makes it current as of `now`; gives the generation's directory.
 * What it costs, once there is a spare tree, is a look at each path and a write for each change.
 * @throws DirectoryInUseError if another process writes there
 */
export async function writeStaticTree(
  store: ServedStore,
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

/** Makes the directory below `out` where what is known of a git source is kept between runs. */
export async function makeSourceState(out: string): Promise<string> {
  const state = join(resolve(out), STATE);
  await makeReadable(state);
  const directory = join(state, SOURCE);
  await makeDirectories(directory, PRIVATE_DIRECTORY);
  await chmod(directory, PRIVATE_DIRECTORY);
  return directory;
}

/** The signatures that `current` has in a digest directory; none where there is no such tree. */
export async function readPublished(out: string, directory: string): Promise<readonly Buffer[]> {
  const published = join(resolve(out), CURRENT, directory);
  const names = await readdir(published).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  });
  return Promise.all(names.map(async (name) => readFile(join(published, name))));
}

async function writeLocked(
  store: ServedStore,
  out: string,
  commit: string | undefined,
  now: Date,
): Promise<string> {
  await removeLeftovers(out);
  const previous = await readCurrent(out);
  const current = previous === undefined ? undefined : join(out, previous);
  const facts = new TreeFacts(join(out, STATE, FACTS), temporaryIn(join(out, STATE)));
  facts.mark();
  const replaced = await listReplaced(out, previous, now);
  const wanted = toWantedTree(holdPublished(store, { current, replaced, facts, now }));
  const id = await generationId(join(out, GENERATIONS), commit, wanted, facts);
  const generation = join(out, GENERATIONS, id);
  let isNewTree = false;
  if (!(await exists(generation))) {
    isNewTree = !(await writeGeneration(generation, spareOf(out), wanted, current, facts, now));
  }
  await switchCurrent(out, id, previous, now);
  const isUnlinked = await prune(out, id, now);
  if (previous === undefined) await makeSpare(generation, spareOf(out), wanted);
  if (isNewTree || isUnlinked) {
    // A link that comes or goes is a change of the file in every other tree.
    facts.mark();
    for (const tree of [generation, spareOf(out)]) holdsTree(tree, wanted, facts);
  }
  facts.save();
  return generation;
}

/** Makes a directory, and its parents, that a web server can read whatever the umask is. */
async function makeReadable(path: string): Promise<void> {
  const first = await makeDirectories(path);
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await chmod(made, DIRECTORY_MODE);
  }
}

/** Where `current` leads, from `out`; undefined if there is none, or one that no run has made. */
async function readCurrent(out: string): Promise<string | undefined> {
  const target = await readlink(join(out, CURRENT)).catch(() => '');
  return dirname(target) === GENERATIONS && isGenerationId(basename(target)) ? target : undefined;
}

async function switchCurrent(
  out: string,
  id: string,
  before: string | undefined,
  now: Date,
): Promise<void> {
  const target = join(GENERATIONS, id);
  if (before === target) return;
  // From now on the replaced generation ages; see prune. Not afterwards: the next run would take it
  // for replaced long ago if this one is killed in between.
  if (before !== undefined) await utimes(join(out, before), now, now).catch(() => undefined);
  const link = temporaryIn(out);
  await symlink(target, link);
  try {
    await rename(link, join(out, CURRENT));
  } catch (error) {
    await unlink(link).catch(() => undefined);
    throw error;
  }
  await syncPath(out);
}

/** Generations that were current before; in no order. */
async function listReplaced(
  out: string,
  current: string | undefined,
  now: Date,
): Promise<readonly ReplacedTree[]> {
  const replaced: ReplacedTree[] = [];
  for (const name of await readdir(join(out, GENERATIONS))) {
    const root = join(out, GENERATIONS, name);
    if (!isGenerationId(name) || join(GENERATIONS, name) === current) continue;
    const stats = await statsOf(root);
    // Where the clock was set back, it may have been just now.
    if (stats) replaced.push({ root, replacedAt: Math.min(stats.mtimeMs, now.getTime()) });
  }
  return replaced;
}

/** Of the generations that nobody reads any more one is the next spare; tells if others went. */
async function prune(out: string, current: string, now: Date): Promise<boolean> {
  const generations = join(out, GENERATIONS);
  let isUnlinked = false;
  for (const name of await readdir(generations)) {
    if (name === current || !isGenerationId(name)) continue;
    const path = join(generations, name);
    const stats = await statsOf(path);
    if (!stats?.isDirectory() || now.getTime() - stats.mtimeMs < KEEP_REPLACED_FOR) continue;
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
      if (isTemporary(name)) removeTree(join(directory, name));
    }
  }
}

function spareOf(out: string): string {
  return join(out, STATE, SPARE);
}

async function exists(path: string): Promise<boolean> {
  return (await statsOf(path)) !== undefined;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}
