// A release area: the signatures of OpenShift releases in one directory of a source, in either layout, and
// the keys by which they count. They are served as the cluster-version operator asks for them. Its keys say
// nothing of other images, and no other key says anything of a release.
import { createHash } from 'node:crypto';
import { isReleaseBase } from '../terms/release-location.ts';
import type { ReleaseKeyring } from './release-keyring.ts';

/** A release area. */
export interface ReleaseArea {
  /** Changes with anything in it. */
  readonly id: string;
  /** The path that it is served below, without slashes at the ends; '' for the root. */
  readonly prefix: string;
  /** The directory of the published tree that holds it; '' for all of it. */
  readonly from: string;
  /** A signature counts if it is by a key of one of them. */
  readonly keyrings: readonly ReleaseKeyring[];
}

export function createReleaseArea(
  prefix: string,
  from: string,
  keyrings: readonly ReleaseKeyring[],
): ReleaseArea {
  const ids = keyrings.map(({ id }) => id);
  const id = createHash('sha256')
    .update(JSON.stringify([prefix, from, ids]))
    .digest('base64url');
  return { id, prefix, from, keyrings };
}

/** The area whose files lie in a directory of the tree, or below it. */
export function findReleaseArea(
  areas: readonly ReleaseArea[],
  directory: string,
): ReleaseArea | undefined {
  return areas.find(({ from }) => isBelow(directory, from));
}

/** Whether something may be served below one of the prefixes at `[BASE/]sha256=HEX`. */
export function servesReleases(prefixes: readonly string[], base: string): boolean {
  return isReleaseBase(base) && prefixes.some((prefix) => base === prefix || isBelow(base, prefix));
}

/** Whether a path is inside another; everything is inside ''. */
export function isBelow(path: string, outer: string): boolean {
  return outer === '' || (path.startsWith(outer) && path[outer.length] === '/');
}
