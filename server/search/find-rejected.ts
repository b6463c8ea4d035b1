import { setImmediate } from 'node:timers/promises';
import type { RejectedFile } from '../../generator/store/report.ts';

/** Files that are looked at between two pauses. */
const LOOKED_AT_ONCE = 500;

export interface RejectedQuery {
  readonly matches: (file: RejectedFile) => boolean;
  /** Only those whose path comes after this one. */
  readonly after: string;
  readonly limit: number;
}

export interface FoundRejected {
  /** How many match, whatever they come after. */
  readonly total: number;
  /** In the order of their paths. */
  readonly files: readonly RejectedFile[];
  /** Whether there are more of them. */
  readonly hasMore: boolean;
}

/** Goes through rejected files, with pauses. */
export async function findRejected(
  rejected: Iterable<RejectedFile>,
  { matches, after, limit }: RejectedQuery,
): Promise<FoundRejected> {
  let total = 0;
  let looked = 0;
  let hasMore = false;
  let files: RejectedFile[] = [];
  const keepFirst = (): void => {
    if (files.length > limit) hasMore = true;
    files = files.toSorted((a, b) => (a.path < b.path ? -1 : 1)).slice(0, limit);
  };
  for (const file of rejected) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (!matches(file)) continue;
    total++;
    if (file.path <= after) continue;
    files.push(file);
    // Sorted now and then only.
    if (files.length > 2 * limit + LOOKED_AT_ONCE) keepFirst();
  }
  keepFirst();
  return { total, files, hasMore };
}
