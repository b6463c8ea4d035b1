import { setImmediate } from 'node:timers/promises';
import { type Location, formatLocation, parseLocation } from '../location.ts';
import { type RejectedFile, sortByPath } from '../report.ts';
import type { HistoryCommit } from '../sources/source.ts';
import type { SignatureStore } from '../store.ts';
import { describeImage } from './describe-image.ts';
import { describeReason } from './describe-reason.ts';
import { findNewest } from './newest-images.ts';
import type { QuarantinedFile, Reason, ReasonCode } from './reason.ts';

/** So many files and images of one reason are told. */
const MOST = 5;

/** What is known of images at once. */
export interface Sight {
  readonly store: SignatureStore;
  /** Rejected files that have to do with a digest, of the store or of a newer state. */
  readonly rejectedOf: (hex: string) => readonly RejectedFile[];
}

/** A state of the source: the one that is served, or the newest, which may have been refused. */
export type SourceState = 'served' | 'newest';

/** What is known of images, in time. */
export interface Evidence extends Sight {
  /** The last commit up to a state that changed a path; undefined where git does not tell. */
  readonly lastChange: (path: string, upTo: SourceState) => Promise<HistoryCommit | undefined>;
}

/** What the store alone says of a directory without signatures: all but a removal is seen at once. */
export function guessReason({ store, rejectedOf }: Sight, directory: string): ReasonCode {
  const place = placeOf(directory);
  if (!place) return 'unknown-repository';
  if (rejectedOf(place.hex).length > 0) return 'quarantined';
  const [elsewhere] = store.directoriesOf(place.hex);
  if (elsewhere !== undefined) return 'elsewhere';
  return store.imagesByRepository.has(place.repository) ? 'other-digests' : 'unknown-repository';
}

/**
 * Says of directories why no signature is served from them. One pass over the store serves all of
 * them. A directory that has signatures, or is none, gets no reason.
 */
export async function findReasons(
  directories: Iterable<string>,
  evidence: Evidence,
): Promise<ReadonlyMap<string, Reason>> {
  const { store } = evidence;
  const reasons = new Map<string, Reason>();
  const others = new Map<string, Location>();
  for (const directory of new Set(directories)) {
    const place = placeOf(directory);
    if (!place || store.find(directory, 1)) continue;
    // Without git nothing else lets lookups in between.
    await setImmediate();
    const reason =
      (await findQuarantined(place, evidence)) ??
      (await findRemoved(place, evidence)) ??
      findElsewhere(place, store);
    if (reason) reasons.set(directory, reason);
    else others.set(directory, place);
  }
  const wanted = new Set([...others.values()].map(({ repository }) => repository));
  const newest = await findNewest(store, wanted, MOST);
  for (const [directory, place] of others) {
    const directoriesOfOthers = newest.get(place.repository);
    const found = directoriesOfOthers
      ? ({
          code: 'other-digests',
          images: directoriesOfOthers.flatMap((other) => describeImage(store, other) ?? []),
        } as const)
      : ({ code: 'unknown-repository' } as const);
    reasons.set(directory, describeReason(place, found));
  }
  return reasons;
}

/** The reason that says most of several directories, all without signatures. */
export async function findReasonAmong(
  directories: readonly string[],
  evidence: Evidence,
): Promise<{ readonly directory: string; readonly reason: Reason } | undefined> {
  const reasons = await findReasons(directories.slice(0, MOST), evidence);
  const found = [...reasons].map(([directory, reason]) => ({ directory, reason }));
  return found.toSorted((a, b) => rankOf(a.reason) - rankOf(b.reason))[0];
}

/** The rejected files of a directory, where others in it may be good. */
export async function findRejectedHere(
  directory: string,
  evidence: Evidence,
): Promise<Reason | undefined> {
  const place = placeOf(directory);
  if (!place) return undefined;
  const files = evidence.rejectedOf(place.hex).filter((file) => liesIn(place, file));
  return describeQuarantined(place, sortByPath(files), evidence);
}

const BY_RANK: readonly ReasonCode[] = [
  'quarantined',
  'removed',
  'elsewhere',
  'other-digests',
  'unknown-repository',
];

function rankOf({ code }: Reason): number {
  return BY_RANK.indexOf(code);
}

function placeOf(directory: string): Location | undefined {
  return parseLocation(formatLocation(directory, 1));
}

/** Files in the directory itself come first. */
async function findQuarantined(place: Location, evidence: Evidence): Promise<Reason | undefined> {
  const rejected = sortByPath(evidence.rejectedOf(place.hex));
  const [here, elsewhere] = [true, false].map((isHere) =>
    rejected.filter((file) => liesIn(place, file) === isHere),
  );
  return describeQuarantined(place, [...(here ?? []), ...(elsewhere ?? [])], evidence);
}

function liesIn({ directory }: Location, { path }: RejectedFile): boolean {
  return path.startsWith(`${directory}/`);
}

async function describeQuarantined(
  place: Location,
  rejected: readonly RejectedFile[],
  { lastChange }: Evidence,
): Promise<Reason | undefined> {
  if (rejected.length === 0) return undefined;
  const files: QuarantinedFile[] = [];
  for (const { path, code, message, hint } of rejected.slice(0, MOST)) {
    files.push({ path, code, message, hint, commit: (await lastChange(path, 'newest')) ?? null });
  }
  return describeReason(place, { code: 'quarantined', files });
}

/** What last changed a directory of which nothing is left has removed it. */
async function findRemoved(place: Location, { lastChange }: Evidence): Promise<Reason | undefined> {
  const commit = await lastChange(place.directory, 'served');
  return commit && describeReason(place, { code: 'removed', commit });
}

function findElsewhere(place: Location, store: SignatureStore): Reason | undefined {
  const directories = [...store.directoriesOf(place.hex)].toSorted().slice(0, MOST);
  const images = directories.flatMap((directory) => describeImage(store, directory) ?? []);
  return images.length > 0 ? describeReason(place, { code: 'elsewhere', images }) : undefined;
}
