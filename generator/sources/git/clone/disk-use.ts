// What a clone takes on the disk, by the sizes of its files.
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface DiskUse {
  /** On the disk, in whole blocks. */
  readonly bytes: number;
  readonly packs: number;
  /** Loose objects: those in no pack. */
  readonly loose: number;
}

/** Of stat(2). Bytes. */
const BLOCK = 512;
/** Folders of loose objects, and the names of the objects in them. */
export const FAN_OUT = /^[0-9a-f]{2}$/;
export const LOOSE = /^[0-9a-f]{38}(?:[0-9a-f]{24})?$/;

/** Measures the objects of the clone at `directory`, incomplete packs too; 0 where there is none. */
export async function measureClone(directory: string): Promise<DiskUse> {
  const objects = join(directory, 'objects');
  let [bytes, packs, loose] = [0, 0, 0];
  for (const folder of await list(objects)) {
    if (!folder.isDirectory()) continue;
    const path = join(objects, folder.name);
    const files = (await list(path)).filter((one) => one.isFile());
    bytes += await sizeOf(path, files);
    if (folder.name === 'pack') packs = files.filter(({ name }) => name.endsWith('.pack')).length;
    if (FAN_OUT.test(folder.name)) loose += files.filter(({ name }) => LOOSE.test(name)).length;
  }
  return { bytes, packs, loose };
}

async function sizeOf(directory: string, files: readonly Dirent[]): Promise<number> {
  let bytes = 0;
  for (const { name } of files) {
    const stats = await lstat(join(directory, name)).catch(() => undefined);
    if (stats) bytes += Math.max(stats.size, stats.blocks * BLOCK);
  }
  return bytes;
}

async function list(directory: string): Promise<readonly Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch(() => []);
}
