// Removes staged files that are safe in the signature repository, and directories that are empty then. Signers
// may write there meanwhile: a file is taken aside before it is removed, and put back if it is not what was pushed.
import { randomBytes } from 'node:crypto';
import { constants, copyFile, readFile, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { SigningError } from '../signing-error.ts';
import type { CandidateFile } from './candidate.ts';

/**
 * Removes files with the bytes that were gathered, and directories that are empty then; gives their number.
 * @throws SigningError for one that cannot be removed
 */
export async function clearStaging(files: readonly CandidateFile[]): Promise<number> {
  let removed = 0;
  for (const { file, bytes, staging } of files) {
    if (staging === undefined) continue;
    try {
      if (!(await removeIfSame(file, bytes))) continue;
      removed++;
      await removeEmpty(dirname(file), staging);
    } catch (cause) {
      const hint = 'the repository has it: remove it by hand, or make its directory writable';
      throw new SigningError(`cannot remove ${file}: ${systemReason(cause)}`, { hint, cause });
    }
  }
  return removed;
}

async function removeIfSame(file: string, bytes: Uint8Array): Promise<boolean> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    if (!(await readFile(file)).equals(bytes)) return false;
    await rename(file, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  const isSame = (await readFile(aside)).equals(bytes);
  if (!isSame) await putBack(aside, dirname(file));
  await unlink(aside);
  return isSame;
}

/**
 * Copies a signature to the first number of a directory that is free: another file may have come to its
 * place. Not linked, which not all file systems can.
 */
async function putBack(aside: string, directory: string): Promise<void> {
  for (let number = 1; ; number++) {
    try {
      await copyFile(aside, formatLocation(directory, number), constants.COPYFILE_EXCL);
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
}

/** Removes a directory and those around it, as far as they are empty, but for the staging directory. */
async function removeEmpty(directory: string, root: string): Promise<void> {
  const inside = relative(root, directory);
  if (inside === '' || inside.startsWith('..')) return;
  try {
    await rmdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY')) return;
    throw error;
  }
  await removeEmpty(dirname(directory), root);
}

/** Without the names of files that were aside for a moment. */
function systemReason(error: unknown): string {
  return messageOf(error).split(',', 1)[0] ?? '';
}
