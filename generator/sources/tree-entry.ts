import { decodePath } from './decode-path.ts';
import type { Entry } from './source.ts';

const LINK = '120000';
const SUBMODULE = '160000';

/** Whether something with this mode has a blob, whose size counts. */
export function isFileMode(mode: string): boolean {
  return mode !== LINK && mode !== SUBMODULE;
}

/** What stands in a tree under a path, other than a tree; a mode is written as git does. */
export function toEntry(mode: string, id: string, size: number, name: Uint8Array): Entry {
  const { path, utf8 } = decodePath(name);
  if (!utf8) return { kind: 'name-not-utf8', path };
  if (mode === LINK) return { kind: 'symlink', path };
  if (mode === SUBMODULE) return { kind: 'submodule', path };
  return { kind: 'file', path, size, id };
}

/** What no longer stands under a path. */
export function toRemoved(name: Uint8Array): Entry {
  return { kind: 'removed', path: decodePath(name).path };
}
