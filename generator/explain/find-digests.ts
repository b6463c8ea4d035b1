import { setImmediate } from 'node:timers/promises';
import type { SignatureStore } from '../store.ts';

/** Directories that are looked at between two pauses. */
const LOOKED_AT_ONCE = 2000;
/** Of the digest that a directory ends with. */
const HEX_LENGTH = 64;

/**
 * Directories with signatures whose digest begins with some hexadecimal digits, in the order of
 * their names, at most `limit`. Whole digests are looked up at once; parts go through the whole
 * store, with pauses.
 */
export async function findDigests(
  store: SignatureStore,
  beginning: string,
  limit: number,
): Promise<readonly string[]> {
  if (beginning.length === HEX_LENGTH) {
    return [...store.directoriesOf(beginning)].toSorted().slice(0, limit);
  }
  const found: string[] = [];
  let looked = 0;
  for (const { directory } of store.signedDirectories()) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (!directory.startsWith(beginning, directory.length - HEX_LENGTH)) continue;
    found.push(directory);
    if (found.length >= limit) break;
  }
  return found.toSorted();
}
