// The store as a tree of files for those who host it with another web server:
// DIR/generations/<id>/… and DIR/current, a link to the newest. A generation is written
// under a temporary name, synced, and renamed, so a name below `generations/` is always
// whole; `current` is replaced by renaming a new link over it. Whatever moment the process
// or the machine dies at, `current` leads to a whole generation.
import { createHash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import pMap from 'p-map';
import { lockDirectory } from './directory-lock.ts';
import { formatLocation } from './location.ts';
import type { SignatureStore } from './store.ts';

/**
 * A web server may still read a generation that was replaced, so it is kept for this long.
 * Milliseconds.
 */
export const KEEP_REPLACED_FOR = 10 * 60_000;

const GENERATIONS = 'generations';
const CURRENT = 'current';
/** Names that no generation has; left behind only by a killed run. */
const TEMPORARY = '.tmp-';
const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;
/** Files written and synced at once: the file system then joins their journal commits. */
const CONCURRENCY = 32;
const CONTENT_ID_LENGTH = 16;

/** Writes the store below `out` and makes it current as of `now`; gives the generation's directory. */
export async function writeStaticTree(
  store: SignatureStore,
  out: string,
  commit: string | undefined,
  now: Date,
): Promise<string> {
  await makeReadable(join(resolve(out), GENERATIONS));
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
  const generations = join(out, GENERATIONS);
  await removeLeftovers(out);
  const files = new Map<string, Uint8Array>();
  for (const { directory, number, signature } of store.served()) {
    files.set(formatLocation(directory, number), signature.bytes);
  }
  const content = contentId(store);
  const id = await freeId(generations, commit ?? content, content, files);
  const generation = join(generations, id);
  if (!(await exists(generation))) await writeGeneration(generation, files);
  await switchCurrent(out, id, now);
  await prune(out, id, now);
  return generation;
}

function contentId(store: SignatureStore): string {
  const lines = [...store.served()].map(
    ({ directory, number, signature }) =>
      `${formatLocation(directory, number)} ${signature.hash}\n`,
  );
  const hash = createHash('sha256').update(lines.toSorted().join(''));
  return hash.digest('hex').slice(0, CONTENT_ID_LENGTH);
}

/**
 * The same commit gives another tree with other keys; then the content tells them apart. What was
 * damaged stays until it is pruned, as `current` may still lead to it.
 */
async function freeId(
  generations: string,
  id: string,
  content: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  let free = id;
  for (let damaged = 0; !(await isFree(join(generations, free), files)); damaged++) {
    free = damaged === 0 ? `${id}-${content}` : `${id}-${content}-${damaged}`;
  }
  return free;
}

async function isFree(
  generation: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<boolean> {
  return !(await exists(generation)) || (await holds(generation, files));
}

async function holds(generation: string, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  const found = await readdir(generation, { recursive: true, withFileTypes: true });
  if (found.filter((entry) => !entry.isDirectory()).length !== files.size) return false;
  const checks = pMap(
    files,
    async ([path, bytes]) => {
      const actual = await readFile(join(generation, path)).catch(() => undefined);
      return actual?.equals(bytes) ?? false;
    },
    { concurrency: CONCURRENCY },
  );
  return (await checks).every(Boolean);
}

async function writeGeneration(
  generation: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const temporary = join(dirname(generation), `${TEMPORARY}${randomUUID()}`);
  try {
    await writeSyncedTree(temporary, files);
    await rename(temporary, generation);
  } catch (error) {
    // Half a tree must not go on filling the disk.
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  await syncDirectory(dirname(generation));
}

async function writeSyncedTree(
  temporary: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await mkdir(temporary);
  const directories = directoriesOf(files.keys());
  for (const directory of directories) await mkdir(join(temporary, directory));
  const write = async ([path, bytes]: [string, Uint8Array]): Promise<void> =>
    writeSynced(join(temporary, path), bytes);
  await pMap(files, write, { concurrency: CONCURRENCY });
  for (const directory of ['.', ...directories]) {
    await chmod(join(temporary, directory), DIRECTORY_MODE);
    await syncDirectory(join(temporary, directory));
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

/** Parents before children. */
function directoriesOf(paths: Iterable<string>): readonly string[] {
  const directories = new Set<string>();
  for (const path of paths) {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      directories.add(path.slice(0, slash));
    }
  }
  return [...directories].toSorted();
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.chmod(FILE_MODE);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function switchCurrent(out: string, id: string, now: Date): Promise<void> {
  const current = join(out, CURRENT);
  const target = join(GENERATIONS, id);
  const before = await readlink(current).catch(() => undefined);
  if (before === target) return;
  const link = join(out, `${TEMPORARY}${randomUUID()}`);
  await symlink(target, link);
  await rename(link, current);
  await syncDirectory(out);
  // From now on the replaced generation ages; see prune.
  if (before !== undefined) await utimes(join(out, before), now, now).catch(() => undefined);
}

async function prune(out: string, current: string, now: Date): Promise<void> {
  const generations = join(out, GENERATIONS);
  for (const name of await readdir(generations)) {
    if (name === current) continue;
    const path = join(generations, name);
    const replacedAt = (await statsOf(path))?.mtimeMs ?? 0;
    if (now.getTime() - replacedAt >= KEEP_REPLACED_FOR) await discard(path);
  }
}

/** Renamed first, so that a name below `generations/` never stands for a part of one. */
async function discard(generation: string): Promise<void> {
  const doomed = join(dirname(generation), `${TEMPORARY}${basename(generation)}-${randomUUID()}`);
  await rename(generation, doomed);
  await rm(doomed, { recursive: true });
}

async function removeLeftovers(out: string): Promise<void> {
  for (const directory of [out, join(out, GENERATIONS)]) {
    for (const name of await readdir(directory)) {
      if (name.startsWith(TEMPORARY)) await rm(join(directory, name), { recursive: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return (await statsOf(path)) !== undefined;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}
