// Decides what there is at a path, for lookups through node:http and before it.
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import type { SignatureStore, StoredSignature } from '../../generator/store/store.ts';
import { servesReleases } from '../../generator/release/release-area.ts';
import { type Location, formatLocation, parseLocation } from '../../generator/terms/location.ts';
import { parseReleaseLocation } from '../../generator/terms/release-location.ts';

/**
 * Why there is no signature. `end`: behind the last one, as every pull asks; `unsigned`: a node
 * wanted an image that has no signature here; `unknown`: not a location; `loading`: a location,
 * before the first generation.
 */
export type LookupMiss = 'end' | 'unsigned' | 'unknown' | 'loading';

/** The names that a store can hold. */
const NUMBERS: ReadonlyMap<string, number> = new Map(
  Array.from({ length: MAX_SIGNATURES }, (_, index) => [
    formatLocation('', index + 1).slice(1),
    index + 1,
  ]),
);

const NO_RELEASES: readonly string[] = [];

/**
 * Finds the signature at a decoded path without its leading slash. The store holds well-formed
 * directories only, so what it knows needs no parsing. `releases` are the paths below which
 * signatures of releases are served.
 */
export function findSignature(
  store: SignatureStore | undefined,
  path: string,
  releases = NO_RELEASES,
): StoredSignature | LookupMiss {
  if (store) {
    const slash = path.lastIndexOf('/');
    const number = NUMBERS.get(path.slice(slash + 1));
    if (number !== undefined && slash > 0) {
      const directory = path.slice(0, slash);
      const signature = store.find(directory, number);
      if (signature) return signature;
      if (number > 1 && store.find(directory, 1)) return 'end';
    }
  }
  const location = parseLocation(path) ?? parseServedRelease(path, releases);
  if (!location) return 'unknown';
  if (!store) return 'loading';
  return location.number === 1 ? 'unsigned' : 'end';
}

function parseServedRelease(path: string, releases: readonly string[]): Location | undefined {
  if (releases.length === 0) return undefined;
  const location = parseReleaseLocation(path);
  return location && servesReleases(releases, location.repository) ? location : undefined;
}
