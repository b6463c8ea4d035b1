// One digest directory of the store, with what it serves.
import { type CheckedFile, type PublishableFile, isOlder } from '../gate/checked-file.ts';
import { isReleaseDirectory } from '../terms/release-location.ts';
import { numberSignatures } from './numbering.ts';
import { nodeDirectoryOf, numberRelease } from './release-numbering.ts';

/** How many files have which status. */
export interface Summary {
  readonly accepted: number;
  readonly unverified: number;
  readonly rejected: number;
  readonly ignored: number;
}

/** Files that lie in one digest directory under well-formed names, and what it serves. */
export interface Directory {
  /** In a string of its own: a slice would keep the path that it was cut from in memory. */
  readonly name: string;
  readonly files: readonly CheckedFile[];
  /** Files of release areas that are served from here, wherever they lie. */
  readonly guests: readonly PublishableFile[];
  /** Number N at index N - 1; the same list as `files` where all are served as they are named. */
  readonly served: readonly PublishableFile[];
  readonly summary: Summary;
}

export const EMPTY: Summary = { accepted: 0, unverified: 0, rejected: 0, ignored: 0 };
const ONE_REJECTED: Summary = { ...EMPTY, rejected: 1 };
const ONE_IGNORED: Summary = { ...EMPTY, ignored: 1 };
/** What most directories hold, kept once. */
const ONE_ACCEPTED: Summary = { ...EMPTY, accepted: 1 };

/** The same list, so that nobody has to compare. */
export const NO_GUESTS: readonly PublishableFile[] = [];

/** Numbers the files of a directory. */
export function toDirectory(
  name: string,
  files: readonly CheckedFile[],
  guests: readonly PublishableFile[] = NO_GUESTS,
): Directory {
  const own = findPublishable(files);
  const isOfRelease = guests.length > 0 || own.some(({ signature }) => signature.release);
  return isOfRelease ? toShared(name, files, guests) : toOwn(name, files, own);
}

/** One that has to do with releases. */
function toShared(
  name: string,
  files: readonly CheckedFile[],
  guests: readonly PublishableFile[],
): Directory {
  const publishable = findPublishable(files).filter((file) => !isOlder(file));
  const unverified = countUnverified(publishable);
  const ofFiles = {
    accepted: publishable.length - unverified,
    unverified,
    rejected: countPresent(files) - publishable.length,
    ignored: 0,
  };
  if (isReleaseDirectory(name)) {
    const { served, unlisted } = numberRelease(guests);
    const lost = unlisted.filter((file) => nodeDirectoryOf(file) === undefined).length;
    const ofGuests = { ...EMPTY, accepted: -lost, rejected: lost };
    return { name, files, guests, served, summary: addSummaries(ofFiles, ofGuests, EMPTY) };
  }
  const { served } = numberSignatures(findResidents(name, files, guests));
  return { name, files, guests, served, summary: ofFiles };
}

/** What a directory of an image serves: its own, as far as nodes take them, and guests. */
export function findResidents(
  name: string,
  files: readonly CheckedFile[],
  guests: readonly PublishableFile[],
): readonly PublishableFile[] {
  return [...findPublishable(files).filter((file) => nodeDirectoryOf(file) === name), ...guests];
}

function toOwn(
  name: string,
  files: readonly CheckedFile[],
  all: readonly PublishableFile[],
): Directory {
  const { served, duplicates, overflow } = numberSignatures(all);
  const publishable = all.some(isOlder) ? all.filter((file) => !isOlder(file)) : all;
  const isAsNamed =
    served.length === files.length && served.every((file, at) => file === files[at]);
  const leftOut = new Set(overflow);
  const tooMany = publishable.filter((file) => leftOut.has(duplicates.get(file) ?? file));
  const unverified = countUnverified(publishable) - countUnverified(tooMany);
  const summary = {
    accepted: publishable.length - tooMany.length - unverified,
    unverified,
    rejected: countPresent(files) - publishable.length + tooMany.length,
    ignored: 0,
  };
  const isUsual = isAsNamed && summary.accepted === 1 && files.length === 1;
  return {
    name,
    files: isAsNamed ? served : files,
    guests: NO_GUESTS,
    served,
    summary: isUsual ? ONE_ACCEPTED : summary,
  };
}

/** What a directory has to serve: an older file too, unless a present one has its bytes. */
export function findPublishable(files: readonly CheckedFile[]): readonly PublishableFile[] {
  const publishable = files.filter((file) => file.kind === 'publishable');
  if (!publishable.some(isOlder)) return publishable;
  const present = publishable.filter((file) => !isOlder(file));
  const hashes = new Set(present.map(({ signature }) => signature.hash));
  return publishable.filter((file) => !isOlder(file) || !hashes.has(file.signature.hash));
}

function countPresent(files: readonly CheckedFile[]): number {
  return files.some(isOlder) ? files.filter((file) => !isOlder(file)).length : files.length;
}

function countUnverified(files: readonly PublishableFile[]): number {
  return files.filter((file) => file.signature.status === 'unverified').length;
}

/** One file that lies in no digest directory. */
export function countOther(kind: CheckedFile['kind']): Summary {
  if (kind === 'ignored') return ONE_IGNORED;
  return kind === 'rejected' ? ONE_REJECTED : EMPTY;
}

/** A sum after a part of it has changed. */
export function addSummaries(sum: Summary, gained: Summary, lost: Summary): Summary {
  return {
    accepted: sum.accepted + gained.accepted - lost.accepted,
    unverified: sum.unverified + gained.unverified - lost.unverified,
    rejected: sum.rejected + gained.rejected - lost.rejected,
    ignored: sum.ignored + gained.ignored - lost.ignored,
  };
}
