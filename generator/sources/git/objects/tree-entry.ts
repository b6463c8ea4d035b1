import { decodePath } from '../../decode-path.ts';
import type { Entry } from '../../source.ts';

const LINK = '120000';
const SUBMODULE = '160000';

/** Whether something with this mode has a blob, whose size counts. */
export function isFileMode(mode: string): boolean {
  return mode !== LINK && hasBlob(mode);
}

/** Whether something with this mode has a blob: that of a link is the path that it leads to. */
export function hasBlob(mode: string): boolean {
  return mode !== SUBMODULE;
}

/**
 * What stands in a tree under a path, other than a tree; a mode is written as git does. `wasThere`
 * tells whether something stood there in the state that this is compared with.
 */
export function toEntry(
  mode: string,
  id: string,
  size: number,
  name: Uint8Array,
  wasThere = false,
): Entry {
  const { path, utf8 } = decodePath(name);
  const known = wasThere ? { wasThere } : {};
  if (!utf8) return { kind: 'name-not-utf8', path, ...known };
  if (mode === LINK) {
    return { kind: 'symlink', path, target: { kind: 'file', path, size, id }, ...known };
  }
  if (mode === SUBMODULE) return { kind: 'submodule', path, ...known };
  return { kind: 'file', path, size, id, ...known };
}

/** What no longer stands under a path. */
export function toRemoved(name: Uint8Array): Entry {
  return { kind: 'removed', path: decodePath(name).path };
}
