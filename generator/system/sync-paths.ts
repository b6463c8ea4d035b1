import { open } from 'node:fs/promises';
import { platform } from 'node:os';
import pMap from 'p-map';
import { runProcess } from './run-process.ts';

/**
 * More than these are synced with their whole file system. That waits for what other programs
 * have written too, but takes seconds where one by one takes minutes.
 */
const FEW = 64;
/** Synced at once: the file system then joins their journal commits. */
const CONCURRENCY = 32;

/** A disk that takes longer hangs. Milliseconds. */
const SYNC_LIMIT = 10 * 60_000;
/** It has nothing to say but why it failed. Bytes. */
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
