import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Reads all files below a directory, so that whoever reads them next finds them in memory. */
export async function readAll(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (entry.isFile()) readFileSync(join(entry.parentPath, entry.name));
  }
}
