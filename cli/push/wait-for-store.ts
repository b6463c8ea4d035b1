import type { Signature } from '../../generator/gate/judge.ts';
import { findPlaces } from '../../generator/store/release-numbering.ts';
import { parseAnyLocation } from '../../generator/terms/release-location.ts';
import { stripSubtree } from '../../signing/push/published-signatures.ts';
import { type WaitOptions, waitUntilServed } from '../../signing/push/wait-until-served.ts';

/** A signature in the repository; its path is from the root. */
export interface PushedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** What the gate found; left out where it lies as it is served. */
  readonly signature?: Signature;
}

/**
 * Waits for a store that publishes a subtree; gives the milliseconds, or why the wait was in vain, so that
 * people are told first what was pushed.
 */
export async function waitForStore(
  signatures: readonly PushedFile[],
  { subtree, ...options }: WaitOptions & { readonly subtree: string },
): Promise<number | Error> {
  const awaited = signatures.flatMap(({ path, bytes, signature }) => {
    const location = parseAnyLocation(stripSubtree(subtree, path));
    if (!location) return [];
    const places = signature && findPlaces({ ...location, signature });
    const [directory = location.directory] = places
      ? [...places.forClusters, ...places.forNodes]
      : [];
    return [{ directory, bytes }];
  });
  try {
    return await waitUntilServed(awaited, options);
  } catch (error) {
    return error instanceof Error ? error : new Error('the wait ended early', { cause: error });
  }
}
