// What was read of a node, before anything is made of it. All of it is untrusted.

import type { NewerSearch } from './newer-search.ts';

/** What lies at a path. */
export type FoundContent =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly kind: 'missing' }
  /** There, but no regular file of a bearable size that may be read. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** A file by its path, relative to the root of the node or to the home directory. */
export interface FoundFile {
  readonly path: string;
  readonly found: FoundContent;
  /** Whether no link, directory or device lies there. */
  readonly isRegular?: boolean;
}

export type FoundDirectory =
  | { readonly kind: 'directory'; readonly files: readonly FoundFile[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The configuration of the system, or of a user who has one in its place. */
export interface FoundConfig {
  readonly policy: FoundFile;
  /** The path of registries.d. */
  readonly registriesPath: string;
  readonly registries: FoundDirectory;
}

/** A file or directory that users who are not root cannot get at. */
export interface ClosedEntry {
  readonly path: string;
  readonly isDirectory: boolean;
  /** The permission bits. */
  readonly mode: number;
}

export interface NodeState {
  readonly own: FoundConfig;
  /** Those of users, which nodes read in place of their own. */
  readonly users: readonly FoundConfig[];
  /** Key files by the path that a policy gives them. */
  readonly keyFiles: ReadonlyMap<string, FoundContent>;
  /** What clients from containers/image 5.40 on find in place of `own` and `users`. */
  readonly newer: NewerSearch;
  /** What keeps users from what `own` names. */
  readonly closed: readonly ClosedEntry[];
  /** The options of docker as RHEL 7 has it, which knows policies; absent for a home directory. */
  readonly docker?: FoundFile;
}

/** Above, a node has its users elsewhere, or the file was made to keep us busy. */
export const MAX_HOMES = 1000;
/** Homes that are there for nobody. */
const NO_HOMES: ReadonlySet<string> = new Set(['', 'nonexistent']);

/**
 * The homes of users by the text of a passwd(5), relative to the root, each once; those behind the
 * first {@link MAX_HOMES} are left out.
 */
export function parsePasswdHomes(untrustedText: string): readonly string[] {
  const homes = new Set<string>();
  for (const line of untrustedText.split('\n')) {
    const home = line.split(':')[5];
    if (home === undefined || !home.startsWith('/') || home.includes('\0')) continue;
    const names = home.split('/').filter((name) => name !== '' && name !== '.');
    if (names.includes('..') || NO_HOMES.has(names.join('/'))) continue;
    homes.add(names.join('/'));
    if (homes.size === MAX_HOMES) break;
  }
  return [...homes];
}
