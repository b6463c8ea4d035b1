// Empties a staging directory of what is safe in the signature repository. Signers may write to it
// meanwhile: a file is taken aside before it is compared, and put back if it is not what was pushed.
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from '../../generator/terms/errors.ts';
import type { CandidateFile } from './candidate.ts';

/** Removes files with the bytes that were gathered, and directories that are empty then; gives their number. */
export async function clearStaging(files: readonly CandidateFile[]): Promise<number> {
  let removed = 0;
  for (const file of files) {
    if (file.staging === undefined || !(await removeIfSame(file))) continue;
    removed++;
    await removeEmpty(dirname(file.file), file.staging);
  }
  return removed;
}

async function removeIfSame({ file, bytes }: CandidateFile): Promise<boolean> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  if ((await readFile(aside)).equals(bytes)) {
    await unlink(aside);
    return true;
  }
  // Not renamed: another file may have come to its place.
  await link(aside, file).then(
    async () => unlink(aside),
    () => undefined,
  );
  return false;
}

/** Removes a directory and those around it, as far as they are empty, but for the staging directory. */
async function removeEmpty(directory: string, root: string): Promise<void> {
  if (directory === root || !directory.startsWith(root)) return;
  try {
    await rmdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY')) return;
    throw error;
  }
  await removeEmpty(dirname(directory), root);
}
