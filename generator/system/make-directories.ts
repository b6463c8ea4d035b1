// Directories at paths that users give. Node's own recursive mkdir never ends where the system says "no
// such directory" below one that is there, as it does below /proc.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from '../terms/errors.ts';

/** For what is only of concern to the user who runs the program, whatever the umask is. */
export const PRIVATE_DIRECTORY = 0o700;
/** As mkdir(2) has it where nobody says otherwise: less what the umask takes away. */
const DEFAULT_MODE = 0o777;

/**
 * Makes a directory with its parents, where they are missing. Gives the topmost one that it made;
 * undefined if all were there. Throws the errors of the system.
 */
export async function makeDirectories(
  path: string,
  mode = DEFAULT_MODE,
): Promise<string | undefined> {
  const parent = dirname(path);
  try {
    return (await isMade(path, mode)) ? path : undefined;
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || parent === path) throw error;
  }
  const first = await makeDirectories(parent, mode);
  // Now the parent is there: what fails for the lack of it fails for good.
  return (await isMade(path, mode)) ? (first ?? path) : first;
}

/** Makes one directory; false if it was there. */
async function isMade(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return false;
    throw error;
  }
}
