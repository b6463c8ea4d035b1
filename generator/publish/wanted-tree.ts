import type { StoredSignature } from '../store/store.ts';
import { formatLocation } from '../terms/location.ts';

/** What of a store goes into its tree. */
export interface ServedStore {
  readonly served: () => Iterable<{
    readonly directory: string;
    readonly number: number;
    readonly signature: StoredSignature;
  }>;
}

/** What a static tree has to hold, and nothing else. Paths are relative, with `/`. */
export interface WantedTree {
  /** Each path once. */
  readonly files: readonly (readonly [path: string, file: StoredSignature])[];
  /** The names in every directory, sorted; the root is ''. Parents come before children. */
  readonly directories: ReadonlyMap<string, readonly string[]>;
}

/** The static tree of a store. */
export function toWantedTree(store: ServedStore): WantedTree {
  const files: (readonly [string, StoredSignature])[] = [];
  const directories = new Map<string, string[]>([['', []]]);
  const namesIn = (directory: string): string[] => {
    const known = directories.get(directory);
    if (known) return known;
    addTo(directory);
    const names: string[] = [];
    directories.set(directory, names);
    return names;
  };
  const addTo = (path: string): void => {
    const slash = path.lastIndexOf('/');
    namesIn(path.slice(0, Math.max(slash, 0))).push(path.slice(slash + 1));
  };
  let last = '';
  let names: string[] = [];
  for (const { directory, number, signature } of store.served()) {
    files.push([formatLocation(directory, number), signature]);
    // Those of a directory come one behind the other.
    if (directory !== last) names = namesIn(directory);
    last = directory;
    names.push(formatLocation('', number).slice(1));
  }
  for (const listed of directories.values()) if (listed.length > 1) listed.sort();
  return { files, directories };
}
