// Which rejected files are the reason why a place has no signatures.
import { type RejectedFile, sortByPath } from '../store/report.ts';
import type { SignatureStore } from '../store/store.ts';
import type { ImageDirectory } from '../terms/location.ts';

/** What is known of images at once. */
export interface Sight {
  readonly store: SignatureStore;
  /** Rejected files that have to do with a digest, of the store or of a newer state. */
  readonly rejectedOf: (digestHex: string) => readonly RejectedFile[];
}

/** Rejected files that were meant for a place: in it, or of its repository and wrongly named. */
export function rejectedFor(place: ImageDirectory, { rejectedOf }: Sight): readonly RejectedFile[] {
  const rejected = sortByPath(rejectedOf(place.digestHex));
  const isHere = (file: RejectedFile): boolean => liesIn(place, file);
  const isOfRepository = (file: RejectedFile): boolean =>
    !isHere(file) && repositoryOf(file) === place.repository;
  return [...rejected.filter(isHere), ...rejected.filter(isOfRepository)];
}

/** Those of other repositories that have to do with the digest, where nothing good lies beside them. */
export function rejectedBeside(
  place: ImageDirectory,
  { store, rejectedOf }: Sight,
): readonly RejectedFile[] {
  const rejected = sortByPath(rejectedOf(place.digestHex));
  return rejected.filter(
    (file) =>
      repositoryOf(file) !== place.repository &&
      store.find(file.path.slice(0, file.path.lastIndexOf('/')), 1) === undefined,
  );
}

/** What stands before the digest in a path, however that is written. */
function repositoryOf({ path }: RejectedFile): string {
  return path.replace(/@sha[0-9]+[=:].*$/is, '');
}

/** Whether a file lies in the directory of a place. */
export function liesIn({ directory }: ImageDirectory, { path }: RejectedFile): boolean {
  return path.startsWith(`${directory}/`);
}
