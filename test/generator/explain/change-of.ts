import type { HistoryChange, HistoryCommit } from '../../../generator/sources/source.ts';
import { formatLocation } from '../../../generator/terms/location.ts';

/** A commit that took the first signature of a directory away, if the path is one. */
export function changeOf(commit: HistoryCommit, directory: string): HistoryChange {
  return { ...commit, isMerge: false, removed: [formatLocation(directory, 1)] };
}
