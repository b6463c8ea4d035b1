// The one way to replace a file, so that it outlasts a kill, a full disk and a power cut. A file has its name
// only once all of it is on the disk; until then what was there stays, whole. A step that fails
// leaves nothing else behind. What a killed process has left is replaced by the next that writes there.
//
// Not promised: that two processes may write the same file at a time; and a failed sync of the
// directory is told although the file may have been replaced.
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncPath } from './sync-paths.ts';

const SUFFIX = '.new';
/** State is for who runs the program alone. */
const PRIVATE_MODE = 0o600;

/**
 * Replaces the file at `path` by what `write` writes, or leaves it as it is where `write` says false
 * or fails; tells which. A link at `path` is replaced, never followed. Errors are those of the disk.
 */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<boolean>,
): Promise<boolean> {
  const temporary = `${path}${SUFFIX}`;
  // What else is there is not written through.
  await rm(temporary, { force: true });
  const isWhole = await writeNew(temporary, PRIVATE_MODE, write);
  if (isWhole) await renameDurably(temporary, path);
  return isWhole;
}

/** Replaces the file at `path` by one with these bytes, as `replaceFile` does. */
export async function replaceBytes(path: string, bytes: string | Uint8Array): Promise<void> {
  await replaceFile(path, async (file) => {
    await file.writeFile(bytes);
    return true;
  });
}

/**
 * The same for what a power cut may damage or take away: it is not waited for until it is on the disk.
 * Whoever reads it has to see whether it is whole.
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
 * Writes a file that is not there yet, and syncs it; the umask takes nothing from its mode. Its name
 * goes again where `write` says false or fails.
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

/** Renames what is on the disk already, within one directory; its new name is there for good. */
export async function renameDurably(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    await rm(from, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncPath(dirname(to));
}
