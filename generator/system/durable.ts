// The one way to replace a file so that it survives a kill, a full disk and a power cut. The new file
// gets its name only once all of it is on the disk; until then the old one stays, whole. A step that
// fails leaves nothing behind. Leftovers of a killed process are replaced by the next write.
//
// Not promised: that two processes may write the same file at the same time. If syncing the directory
// fails, that is an error although the file may have been replaced.
import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import pMap from 'p-map';
import { runProcess } from './run-process.ts';

const SUFFIX = '.new';
/** State is only for the user who runs the program. */
const PRIVATE_MODE = 0o600;

/**
 * Replaces the file at `path` by what `write` writes; true if it did. If `write` gives false or
 * throws, the file stays as it is. A link at `path` is replaced, never followed. Throws the errors of
 * the disk.
 */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<boolean>,
): Promise<boolean> {
  const temporary = `${path}${SUFFIX}`;
  // Never write through a link that somebody has put there.
  await rm(temporary, { force: true });
  const isWhole = await writeNew(temporary, PRIVATE_MODE, write);
  if (isWhole) await renameDurably(temporary, path);
  return isWhole;
}

/** Replaces the file at `path` by one with these bytes; see {@link replaceFile}. */
export async function replaceBytes(path: string, bytes: string | Uint8Array): Promise<void> {
  await replaceFile(path, async (file) => {
    await file.writeFile(bytes);
    return true;
  });
}

/**
 * The same without waiting for the disk: a power cut may damage the file or lose it. Whoever reads it
 * must check that it is whole.
 */
export async function replaceUnsynced(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = `${path}${SUFFIX}`;
  await rm(temporary, { force: true });
  try {
    await writeFile(temporary, bytes, { flag: 'wx', mode: PRIVATE_MODE });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Writes a new file and syncs it, with exactly this mode whatever the umask is. Removes it again if
 * `write` gives false or throws.
 */
export async function writeNew(
  path: string,
  mode: number,
  write: (file: FileHandle) => Promise<boolean>,
): Promise<boolean> {
  const file = await open(path, 'wx', mode);
  let isWhole = false;
  try {
    try {
      isWhole = await write(file);
      if (isWhole) {
        await file.chmod(mode);
        await file.sync();
      }
    } finally {
      await file.close();
    }
  } finally {
    if (!isWhole) await rm(path, { force: true });
  }
  return isWhole;
}

/** Renames a file that is on the disk, within one directory, and syncs the new name. */
export async function renameDurably(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    await rm(from, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncPath(dirname(to));
}

/**
 * More paths than this are synced with their whole file system. That also waits for what other
 * programs have written, but takes seconds where one by one takes minutes.
 */
const FEW = 64;
/** Synced at once: the file system then joins their journal commits. */
const CONCURRENCY = 32;

/** A disk that takes longer hangs. Milliseconds. */
const SYNC_LIMIT = 10 * 60_000;
/** It prints nothing but why it failed. Bytes. */
const SAID_LIMIT = 64 * 1024;
const LIMITS = {
  silence: SYNC_LIMIT,
  deadline: SYNC_LIMIT,
  stdout: SAID_LIMIT,
  stderr: SAID_LIMIT,
};

/** Returns once all of these files and directories, in one file system, are on the disk. */
export async function syncPaths(paths: ReadonlySet<string>, root: string): Promise<void> {
  if (paths.size > FEW && (await syncFileSystem(root))) return;
  await pMap(paths, syncPath, { concurrency: CONCURRENCY });
}

/** Syncs one file, or the names in a directory. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Syncs the file system that a path lies in; tells whether it could. Node has no `syncfs`, and
 * elsewhere than on Linux `sync` does not wait, or knows no `-f`.
 */
export async function syncFileSystem(path: string): Promise<boolean> {
  if (platform() !== 'linux') return false;
  return runProcess('sync', ['sync', '-f', path], { limits: LIMITS }).then(
    ({ exitCode }) => exitCode === 0,
    () => false,
  );
}

/**
 * Removes a file, a link, or a directory with all in it, if there is one. Node's own `rm` takes
 * minutes for 100,000 directories.
 */
export function removeTree(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  if (stats.isDirectory()) removeDirectory(path);
  else unlinkSync(path);
}

function removeDirectory(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeDirectory(`${path}/${entry.name}`);
    else unlinkSync(`${path}/${entry.name}`);
  }
  rmdirSync(path);
}
