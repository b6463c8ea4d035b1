// Where clients from containers/image 5.40 on (Podman 6, skopeo 1.23) look for registries.d: in all
// its places together (containers/storage pkg/configfile/parse.go).
import { basename } from 'node:path/posix';
import type { FoundConfig, FoundDirectory, FoundFile } from './node-state.ts';

/** What such clients read; older ones read one directory alone. */
export interface NewerSearch {
  /** As root and as other users find it who have no files of their own; the first is root's. */
  readonly system: readonly FoundConfig[];
  /** As users find it who have. */
  readonly users: readonly FoundConfig[];
}

/** The directories below one of the system's places that a user reads, the one that counts least first. */
export function listDropIns(place: string, uid: 'root' | 'other' | number): readonly string[] {
  const all = `${place}/registries.d`;
  if (uid === 'root') return [all, `${place}/registries.rootful.d`];
  const rootless = `${place}/registries.rootless.d`;
  return uid === 'other' ? [all, rootless] : [all, rootless, `${rootless}/${uid}`];
}

/**
 * Several directories as one, the one that counts least first: of files with the same name only the
 * last counts, and links, directories and devices are passed over.
 */
export function mergeDirectories(directories: readonly FoundDirectory[]): FoundDirectory {
  const files = new Map<string, FoundFile>();
  let isThere = false;
  for (const directory of directories) {
    if (directory.kind === 'unreadable') return directory;
    if (directory.kind === 'missing') continue;
    isThere = true;
    for (const file of directory.files) {
      if (file.isRegular) files.set(basename(file.path), file);
    }
  }
  const sorted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
  return isThere ? { kind: 'directory', files: sorted } : { kind: 'missing' };
}

/** A path that an environment file gives to CONTAINERS_POLICY_JSON; undefined if it does not. */
export function findPolicyVariable(untrustedText: string): string | undefined {
  const all = untrustedText.matchAll(/^\s*(?:export\s+)?CONTAINERS_POLICY_JSON=(.*)$/gm);
  const last = [...all]
    .at(-1)?.[1]
    ?.trim()
    .replaceAll(/^(["'])(.*)\1$/g, '$2');
  return last === '' ? undefined : last;
}
