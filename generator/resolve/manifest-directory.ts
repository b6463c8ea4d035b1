// Manifests as files, for those who cannot ask a registry. Each proves itself by its hash, so what a file is
// called does not matter: an OCI layout does, and so does what `skopeo inspect --raw` prints.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readBounded } from '../system/read-bounded.ts';
import type { ManifestMemory } from './manifest-memory.ts';

/** The most that nodes read of a manifest (containers/image iolimits, MaxManifestBodySize). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MOST_FILES = 100_000;
/** `oci/blobs/sha256/HEX`, and some directories around it. */
const MOST_DEPTH = 8;

/**
 * Learns all manifests below a directory; what is none is passed over. Gives how many there were.
 * @throws Error of the disk, and where there are too many files
 */
export async function readManifestDirectory(
  directory: string,
  memory: ManifestMemory,
): Promise<number> {
  let learnt = 0;
  let files = 0;
  for await (const path of filesBelow(directory, 0)) {
    if (++files > MOST_FILES) throw new Error(`${directory} has more than ${MOST_FILES} files`);
    // Layers lie beside manifests in a layout. A link of a mounted ConfigMap leads to a file, others nowhere.
    const stats = await stat(path).catch(() => undefined);
    if (!stats?.isFile() || stats.size > MAX_MANIFEST_BYTES) continue;
    const bytes = await readBounded(path, MAX_MANIFEST_BYTES);
    if (memory.learn(bytes) !== undefined) learnt++;
  }
  return learnt;
}

async function* filesBelow(directory: string, depth: number): AsyncGenerator<string> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isFile() || entry.isSymbolicLink()) yield path;
    else if (entry.isDirectory() && depth < MOST_DEPTH) yield* filesBelow(path, depth + 1);
  }
}
