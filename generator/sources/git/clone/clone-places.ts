// Where clones are, and how one replaces another. At any moment one of them is whole, and a start after
// a kill finds it:
//
//   clone        in use
//   clone.new    being made; removed if its maker does not finish it
//   clone.whole  complete, about to replace the one in use
//   clone.old    what was in use before, kept until a state of the new one is published
//   clone.gone   being removed
import { constants } from 'node:fs';
import { access, lstat, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncPath } from '../../../system/durable.ts';
import { hasCode, messageOf } from '../../../terms/errors.ts';
import { SourceError } from '../../source.ts';

/** The other names of the clone at a path. */
export const newCloneOf = (clone: string): string => `${clone}.new`;
export const oldCloneOf = (clone: string): string => `${clone}.old`;
const wholeCloneOf = (clone: string): string => `${clone}.whole`;
const goneCloneOf = (clone: string): string => `${clone}.gone`;

/** A git whose parent was killed has ended by then. Milliseconds. */
const ORPHANS_LIVE_FOR = 4000;

/** Leaves one clone in use after a process was killed, and removes what is of no use. */
export async function recoverClone(clone: string): Promise<void> {
  await removeClone(newCloneOf(clone));
  await removeClone(goneCloneOf(clone));
  if (await isThere(wholeCloneOf(clone))) await takePlace(clone);
  else if (!(await isThere(clone)) && (await isThere(oldCloneOf(clone)))) {
    await rename(oldCloneOf(clone), clone);
    await syncPath(dirname(clone));
  }
}

/** Replaces the clone in use by the one at `clone.new`, which must be whole. */
export async function replaceClone(clone: string): Promise<void> {
  await rename(newCloneOf(clone), wholeCloneOf(clone));
  await syncPath(dirname(clone));
  await takePlace(clone);
}

/** Moves the clone in use out of the way. */
export async function setCloneAside(clone: string): Promise<void> {
  // If there is an old one already, that was published, and what was made since was not.
  const isOldThere = await isThere(oldCloneOf(clone));
  await rename(clone, isOldThere ? goneCloneOf(clone) : oldCloneOf(clone));
  await syncPath(dirname(clone));
  await removeClone(goneCloneOf(clone));
}

/** Removes a clone, if it is there; where a link is in its place, only the link. */
export async function removeClone(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

async function takePlace(clone: string): Promise<void> {
  if (await isThere(clone)) await setCloneAside(clone);
  await rename(wholeCloneOf(clone), clone);
  await syncPath(dirname(clone));
}

/**
 * Git takes a clone that it may not read for no repository at all: this tells the two apart.
 * @throws SourceError where the clone, or its HEAD, cannot be read
 */
export async function assertReadable(clone: string): Promise<void> {
  try {
    await access(clone, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const name of ['objects', 'refs']) {
      await readdir(join(clone, name)).catch(passOver('ENOENT', 'ENOTDIR'));
    }
    await readFile(join(clone, 'HEAD')).catch(passOver('ENOENT', 'EISDIR'));
  } catch (cause) {
    throw new SourceError(`cannot read the clone ${clone}: ${messageOf(cause)}`, {
      cause,
      hint: 'make it readable and writable for the user that runs lookaside',
    });
  }
}

/** For `catch`: passes over errors of the system with one of these codes, and throws any other. */
export function passOver(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!hasCode(error, ...codes)) throw error;
  };
}

/** Names of what git leaves behind when it is killed, and of nothing else, by folders of a clone. */
const LEFTOVERS: Readonly<Record<string, RegExp>> = {
  '.': /^(?:(?:HEAD|FETCH_HEAD|config|packed-refs|shallow|gc\.pid)\.lock|packed-refs\.new|gc\.pid)$/,
  'refs/lookaside': /^(?:fetched|published)\.lock$/,
  objects: /^tmp_obj_[A-Za-z0-9]{6}$/,
  'objects/info': /^commit-graphs?\.lock$/,
  'objects/pack':
    /^(?:tmp_[a-z]+_[A-Za-z0-9]{6}|\.tmp-[0-9]+-pack-[0-9a-f]{40,64}\.[a-z]+|pack-(?:[0-9a-f]{40}|[0-9a-f]{64})\.keep|multi-pack-index\.lock)$/,
};

/**
 * Removes locks and incomplete packs that a killed process left. Only regular files with exactly these
 * names are removed, and a lock only once no orphaned git can hold it.
 */
export async function removeLeftovers(clone: string): Promise<void> {
  const found: { path: string; lockedAt: number }[] = [];
  for (const [folder, pattern] of Object.entries(LEFTOVERS)) {
    const directory = join(clone, folder);
    // A link in place of a folder leads out of the clone.
    const stats = await lstat(directory).catch(() => undefined);
    if (!stats?.isDirectory()) continue;
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isFile() || !pattern.test(entry.name)) continue;
      const path = join(directory, entry.name);
      const isLock = entry.name.endsWith('.lock');
      found.push({ path, lockedAt: isLock ? (await lstat(path)).mtimeMs : 0 });
    }
  }
  const age = Date.now() - Math.max(0, ...found.map(({ lockedAt }) => lockedAt));
  if (age < ORPHANS_LIVE_FOR) await sleep(ORPHANS_LIVE_FOR - Math.max(0, age));
  for (const { path } of found) await rm(path, { force: true });
}

/** Makes the directory of a clone; tells whether there is nothing in it. */
export async function makeCloneDirectory(clone: string): Promise<boolean> {
  await mkdir(clone, { recursive: true });
  return (await readdir(clone)).length === 0;
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
