import { dirname } from 'node:path/posix';
import { setImmediate } from 'node:timers/promises';
import { type ImageDirectory, parseLocation } from '../terms/location.ts';
import { parseAnyDirectory } from '../terms/release-location.ts';
import { type RejectedFile, sortByPath } from '../store/report.ts';
import { type Sight, liesIn, rejectedBeside, rejectedFor } from './rejected-for.ts';
import type { HistoryChange, HistoryCommit } from '../sources/source.ts';
import type { SignatureStore } from '../store/store.ts';
import { describeImage, describeReason } from './describe-reason.ts';
import { findNewest } from './newest-images.ts';
import type { Reason, ReasonCode } from './reason.ts';

/** So many files and images of one reason are told. */
const MOST = 5;
/** Places that are looked at between two pauses: lookups go on meanwhile. */
const LOOKED_AT_ONCE = 20;

/** A state of the source: the one that is served, or the newest, which may have been refused. */
export type SourceState = 'served' | 'newest';

/** What is known of images, in time. */
export interface Evidence extends Sight {
  /** The last commit up to a state that changed a path; undefined where git does not tell. */
  readonly lastChange: (path: string, upTo: SourceState) => Promise<HistoryChange | undefined>;
  /** Why the newest state of the source is not the one that is served; undefined if it is. */
  readonly trouble?: string | undefined;
}

/** What the store alone says of a directory without signatures: all but a removal is seen at once. */
export function guessReason(sight: Sight, directory: string): ReasonCode {
  const place = parseAnyDirectory(directory);
  if (!place) return 'unknown-repository';
  if (rejectedFor(place, sight).length > 0) return 'quarantined';
  const [elsewhere] = sight.store.directoriesOf(place.digestHex);
  if (elsewhere !== undefined) return 'elsewhere';
  if (rejectedBeside(place, sight).length > 0) return 'quarantined';
  return guessByName(sight.store, place.repository);
}

/** What costs nothing to say of a directory, whatever is asked for. */
export function guessByName(store: SignatureStore, repository: string): ReasonCode {
  return store.imagesByRepository.has(repository) ? 'other-digests' : 'unknown-repository';
}

/**
 * Says of directories why no signature is served from them, each as soon as that is known; git is
 * asked of all together, and one pass over the store serves those that need one. A directory that
 * has signatures, or is none, gets no reason. One of which git cannot be asked gets none either, and
 * the error is thrown at the end.
 */
export async function findReasonsOneByOne(
  directories: Iterable<string>,
  evidence: Evidence,
  onFound: (directory: string, reason: Reason) => void,
): Promise<void> {
  const { store } = evidence;
  const remaining: ImageDirectory[] = [];
  const asked: Promise<void>[] = [];
  let count = 0;
  for (const directory of new Set(directories)) {
    const place = parseAnyDirectory(directory);
    if (!place || store.find(directory, 1)) continue;
    if (++count % LOOKED_AT_ONCE === 0) await setImmediate();
    const finding = (async () => {
      const reason = await findInHistory(place, evidence);
      if (reason) onFound(directory, reason);
      else remaining.push(place);
    })();
    // Told at the end.
    finding.catch(() => undefined);
    asked.push(finding);
  }
  const settled = await Promise.allSettled(asked);
  const others: ImageDirectory[] = [];
  for (const place of remaining) {
    await setImmediate();
    const reason = await findBeside(place, evidence);
    if (reason) onFound(place.directory, reason);
    else others.push(place);
  }
  const wanted = new Set(others.map(({ repository }) => repository));
  const newest = await findNewest(store, wanted, MOST);
  for (const place of others) {
    const directoriesOfOthers = newest.get(place.repository);
    const found = directoriesOfOthers
      ? ({
          code: 'other-digests',
          images: directoriesOfOthers.flatMap((other) => describeImage(store, other) ?? []),
        } as const)
      : ({ code: 'unknown-repository' } as const);
    onFound(place.directory, describeReason(place, found, evidence));
  }
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}

/** The same for those who wait for all of them. Throws what git says. */
export async function findReasons(
  directories: Iterable<string>,
  evidence: Evidence,
): Promise<ReadonlyMap<string, Reason>> {
  const reasons = new Map<string, Reason>();
  await findReasonsOneByOne(directories, evidence, (directory, reason) =>
    reasons.set(directory, reason),
  );
  return reasons;
}

/** The rejected files of a directory, where others in it may be good. */
export async function findRejectedHere(
  directory: string,
  evidence: Evidence,
): Promise<Reason | undefined> {
  const place = parseAnyDirectory(directory);
  if (!place) return undefined;
  const files = evidence.rejectedOf(place.digestHex).filter((file) => liesIn(place, file));
  return describeQuarantined(place, sortByPath(files), evidence);
}

/** What there is, or was, for a place. */
async function findInHistory(
  place: ImageDirectory,
  evidence: Evidence,
): Promise<Reason | undefined> {
  return (
    (await describeQuarantined(place, rejectedFor(place, evidence), evidence)) ??
    (await findRemoved(place, evidence))
  );
}

/** What there is for the digest in other places. */
async function findBeside(place: ImageDirectory, evidence: Evidence): Promise<Reason | undefined> {
  return (
    findElsewhere(place, evidence) ??
    (await describeQuarantined(place, rejectedBeside(place, evidence), evidence))
  );
}

async function describeQuarantined(
  place: ImageDirectory,
  rejected: readonly RejectedFile[],
  { lastChange }: Evidence,
): Promise<Reason | undefined> {
  if (rejected.length === 0) return undefined;
  const files = rejected.slice(0, MOST).map(async ({ path, code, message, hint }) => {
    const change = await lastChange(path, 'newest');
    return { path, code, message, hint, commit: change ? toCommit(change) : null };
  });
  const found = { code: 'quarantined', files: await Promise.all(files) } as const;
  return describeReason(place, found);
}

/** What last changed a directory of which nothing is left has removed it. */
async function findRemoved(
  place: ImageDirectory,
  { lastChange, trouble }: Evidence,
): Promise<Reason | undefined> {
  const change = await lastChange(place.directory, 'served');
  const file = change?.removed.find((path) => isSignatureIn(place, path));
  if (!change || file === undefined) return undefined;
  const removal = { isMerge: change.isMerge, directory: dirname(file) };
  const found = { code: 'removed', commit: toCommit(change) } as const;
  return describeReason(place, found, { trouble, removal });
}

/** `path` is that in the repository, which may have more before it. */
function isSignatureIn({ directory }: ImageDirectory, path: string): boolean {
  return `/${dirname(path)}`.endsWith(`/${directory}`) && parseLocation(path) !== undefined;
}

function toCommit({ id, author, date, subject }: HistoryChange): HistoryCommit {
  return { id, author, date, subject };
}

function findElsewhere(place: ImageDirectory, { store, trouble }: Evidence): Reason | undefined {
  const directories = [...store.directoriesOf(place.digestHex)].toSorted().slice(0, MOST);
  const images = directories.flatMap((directory) => describeImage(store, directory) ?? []);
  if (images.length === 0) return undefined;
  return describeReason(place, { code: 'elsewhere', images }, { trouble });
}
