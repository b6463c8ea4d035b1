import { formatLocation } from '../../../generator/location.ts';
import type { HistoryChange, HistoryCommit } from '../../../generator/sources/source.ts';

/** A commit that took the first signature of a directory away, if the path is one. */
export function changeOf(commit: HistoryCommit, directory: string): HistoryChange {
  return { ...commit, isMerge: false, removed: [formatLocation(directory, 1)] };
}
