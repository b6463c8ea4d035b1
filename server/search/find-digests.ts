import { setImmediate } from 'node:timers/promises';
import type { SignatureStore } from '../../generator/store/store.ts';

/** Directories that are looked at between two pauses. */
const LOOKED_AT_ONCE = 2000;
/** Of the digest that a directory ends with. */
const HEX_LENGTH = 64;

export interface FoundDigests {
  readonly total: number;
  /** The first ones in the order of their names. */
  readonly directories: readonly string[];
}

/**
 * Directories with signatures whose digest begins with some hexadecimal digits, at most `limit`.
 * Whole digests are looked up at once; parts go through the whole store, with pauses.
 */
export async function findDigests(
  store: SignatureStore,
  beginning: string,
  limit: number,
): Promise<FoundDigests> {
  if (beginning.length === HEX_LENGTH) {
    const all = [...store.directoriesOf(beginning)].toSorted();
    return { total: all.length, directories: all.slice(0, limit) };
  }
  let total = 0;
  let looked = 0;
  let directories: string[] = [];
  for (const { directory } of store.signedDirectories()) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (!directory.startsWith(beginning, directory.length - HEX_LENGTH)) continue;
    total++;
    directories.push(directory);
    // Sorted now and then only.
    if (directories.length > 2 * limit + LOOKED_AT_ONCE) {
      directories = directories.toSorted().slice(0, limit);
    }
  }
  return { total, directories: directories.toSorted().slice(0, limit) };
}
