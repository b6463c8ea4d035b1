import { setImmediate } from 'node:timers/promises';
import type { SignatureStore } from '../../generator/store/store.ts';

/** Repositories that are looked at between two pauses. */
const LOOKED_AT_ONCE = 5000;

export interface RepositoryQuery {
  readonly matches: (repository: string) => boolean;
  /** Only those that come after this one. */
  readonly after: string;
  readonly limit: number;
}

export interface FoundRepository {
  /** `[prefix/]namespace/repo`. */
  readonly name: string;
  /** Digests that are signed. */
  readonly images: number;
}

export interface FoundRepositories {
  /** How many match, whatever they come after. */
  readonly total: number;
  /** In the order of their names. */
  readonly repositories: readonly FoundRepository[];
  /** Whether there are more of them. */
  readonly hasMore: boolean;
}

/** Goes through the names of all repositories with signatures, with pauses. */
export async function findRepositories(
  store: SignatureStore,
  { matches, after, limit }: RepositoryQuery,
): Promise<FoundRepositories> {
  let total = 0;
  let looked = 0;
  let hasMore = false;
  let found: FoundRepository[] = [];
  const keepFirst = (): void => {
    if (found.length > limit) hasMore = true;
    found = found.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
  };
  for (const [name, images] of store.imagesByRepository) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (!matches(name)) continue;
    total++;
    if (name <= after) continue;
    found.push({ name, images });
    // Sorted now and then only.
    if (found.length > 2 * limit + LOOKED_AT_ONCE) keepFirst();
  }
  keepFirst();
  return { total, repositories: found, hasMore };
}
