// Which number each signature of a directory is served under. Nodes ask for 1, 2, 3, …
// up to the first 404, so holes are closed; a signature keeps its number where it can.
import type { PublishableFile } from '../gate/checked-file.ts';

/** The most signatures of one image: nodes fail at the 128th (maxLookasideSignatures). */
export const MAX_SIGNATURES = 127;

/** The signatures of a directory, sorted out. Each file is in exactly one place. */
export interface Numbering {
  /** Number N is at index N - 1. */
  readonly served: readonly PublishableFile[];
  /** A copy, to the file with the same bytes that is served. */
  readonly duplicates: ReadonlyMap<PublishableFile, PublishableFile>;
  /** More than nodes read: the oldest by the time they were signed. */
  readonly overflow: readonly PublishableFile[];
}

const NO_COPIES: Numbering['duplicates'] = new Map();

/** Numbers the publishable files of one directory, given in any order. */
export function numberSignatures(files: readonly PublishableFile[]): Numbering {
  // As most directories are.
  if (files.length < 2) return { served: files, duplicates: NO_COPIES, overflow: [] };
  const byNumber = files.toSorted((a, b) => a.number - b.number);
  const firstByHash = new Map<string, PublishableFile>();
  const duplicates = new Map<PublishableFile, PublishableFile>();
  for (const file of byNumber) {
    const first = firstByHash.get(file.signature.hash);
    if (first) duplicates.set(file, first);
    else firstByHash.set(file.signature.hash, file);
  }
  const distinct = [...firstByHash.values()];
  const newestFirst = distinct.toSorted((a, b) => b.signature.signedAt - a.signature.signedAt);
  const kept = new Set(newestFirst.slice(0, MAX_SIGNATURES));
  return {
    served: distinct.filter((file) => kept.has(file)),
    duplicates,
    overflow: distinct.filter((file) => !kept.has(file)),
  };
}
