// What reports say of each file: the JSON form of DESIGN's `check --format json`, which is
// stable, and from which the text form and the status page are made.
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';
import { formatTime } from '../terms/text.ts';
import {
  type CheckedFile,
  type PublishableFile,
  isOlder,
  isWaiting,
} from '../gate/checked-file.ts';
import type { Signature, Warning } from '../gate/judge.ts';
import { formatLocation, isStrayDotFile } from '../terms/location.ts';
import { isReleaseDirectory } from '../terms/release-location.ts';
import type { Loss } from '../terms/loss.ts';
import { MAX_SIGNATURES, type Numbering, numberSignatures } from './numbering.ts';
import type { KeyInfo } from '../openpgp/keyring.ts';
import type { Signer } from '../openpgp/open-message.ts';
import type { ScopeKeyFault } from '../policy/key-faults.ts';
import type { SignedBy } from '../policy/policy.ts';
import { type Rejection, type RejectionCode, nameFileIn, reject } from '../terms/rejection.ts';
import { MOST_RELEASE_SIGNATURES } from '../release/release-order.ts';
import { findPlaces, findUnlisted } from './release-numbering.ts';
import { type Summary, findPublishable, findResidents } from './store-directory.ts';

/** Claims as reports show them. */
export interface ReportedClaims {
  readonly dockerReference: string;
  readonly manifestDigest: string;
  readonly creator: string | null;
  /** ISO 8601; the bare number of seconds where no calendar reaches. */
  readonly timestamp: string | null;
}

/** One file of the report. */
export type ReportedFile = AcceptedFile | RejectedFile | ReportedIgnored;

/** A file that is no signature, and does no harm. */
export interface ReportedIgnored {
  readonly path: string;
  readonly status: 'ignored';
  /** Absent where there are none. */
  readonly warnings?: readonly Warning[];
}

/** A file that is published. */
export interface AcceptedFile {
  readonly path: string;
  readonly status: 'accepted' | 'unverified';
  readonly servedAs: string;
  readonly claims: ReportedClaims;
  readonly signer?: Signer;
  readonly warnings: readonly Warning[];
  /**
   * Of a proposal: who has to sign too before nodes accept the image, by fingerprints; of each list one.
   * Absent where nobody has.
   */
  readonly awaits?: readonly (readonly string[])[];
  /** Of a file in a release area; absent for any other. */
  readonly release?: ReportedRelease;
}

/** Where clusters find a file before an update, or why they do not. */
export type ReportedRelease =
  { readonly servedAs: readonly string[] } | Pick<RejectedFile, 'code' | 'message' | 'hint'>;

/** A file that may not be published, and why. */
export interface RejectedFile {
  readonly path: string;
  readonly status: 'rejected';
  readonly code: RejectionCode;
  readonly message: string;
  readonly hint: string;
  readonly breaksPulls: boolean;
  /** The name that was signed, where no scope takes signatures under it. */
  readonly signedAs?: string;
  /** Where the file that lay at its path before is served, until there is a verdict on this one. */
  readonly olderServedAs?: string;
}

export function isRejected(file: ReportedFile): file is RejectedFile {
  return file.status === 'rejected';
}

/** Whether there is something to say of a file. */
export function isNoteworthy(file: ReportedFile): boolean {
  return isRejected(file) || warningsOf(file).length > 0;
}

/** What some nodes may take badly of a file that is not rejected. */
export function warningsOf(file: ReportedFile): readonly Warning[] {
  return 'warnings' in file ? (file.warnings ?? []) : [];
}

/** Whether the files of a directory are one good signature, of which there is nothing to say. */
export function isOneGoodSignature(files: readonly CheckedFile[]): boolean {
  const [file] = files;
  if (files.length !== 1 || file?.kind !== 'publishable' || file.number !== 1) return false;
  const { warnings, scope, release } = file.signature;
  return warnings.length === 0 && scope.signedBy.length < 2 && !release;
}

/** The whole report of a check. */
export interface CheckReport {
  readonly source: {
    readonly kind: 'git' | 'directory';
    readonly location: string;
    readonly commit?: string;
  };
  readonly keys: readonly KeyInfo[];
  /** No scope asks for a signature, so nobody knows who signed what is here; absent where one does. */
  readonly signersUnchecked?: true;
  readonly summary: Summary;
  readonly files: readonly ReportedFile[];
  /** Keys that cannot be used, and what that means for their scopes; absent where all can. */
  readonly keyFaults?: readonly ScopeKeyFault[];
  /** The state costs more than its budget, so no file of it was looked at. */
  readonly refused?: RefusedState;
  /** Only what is other than in this commit was looked at; null where nothing was there before. */
  readonly base?: string | null;
  /** Keys that are accepted from now on; absent where there are none. */
  readonly newKeys?: readonly NewKey[];
  /** What it takes away from nodes that they had in the base. */
  readonly losses?: readonly Loss[];
}

/** A key that a scope accepts from now on: what it signs is served. */
export interface NewKey extends Pick<KeyInfo, 'fingerprint' | 'userIds'> {
  /** As scopes are named; '' for all images that no scope covers. */
  readonly scope: string;
  /** A sentence for people, without a full stop. */
  readonly message: string;
  /** Why nothing that it signs is good; absent where it may sign. */
  readonly warning?: { readonly code: 'new-key-unusable'; readonly message: string };
}

/** Why a state is refused as a whole. */
export interface RefusedState {
  readonly code: 'state-refused';
  readonly message: string;
  readonly hint: string;
  /** As the newest commit says. */
  readonly author?: string;
}

/** Sorts by path, in the order of the bytes, so that equal input gives an equal report. */
export function sortByPath<File extends ReportedFile>(files: Iterable<File>): readonly File[] {
  const withBytes = Array.from(files, (file) => ({ file, bytes: Buffer.from(file.path) }));
  return withBytes.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ file }) => file);
}

/** The lowest number under which each signature is served, by its hash. */
type Numbers = ReadonlyMap<string, number>;

/** What has to do with release areas in a directory. */
export interface ReleaseView {
  /** Files that are served from it and lie elsewhere. */
  readonly guests: readonly PublishableFile[];
  /** The number of a signature in a directory; 0 where it is not served. */
  readonly numberIn: (directory: string, file: PublishableFile) => number;
}

/** Where nothing but the directory itself is known. */
const ALONE: ReleaseView = { guests: [], numberIn: (_directory, { number }) => number };

/**
 * The files of one digest directory, with the number that each is served under: that of a fresh start,
 * unless `held` says otherwise.
 */
export function* reportDirectory(
  directory: string,
  files: readonly CheckedFile[],
  held?: Numbers,
  { guests, numberIn }: ReleaseView = ALONE,
): Generator<ReportedFile> {
  const publishable = findPublishable(files);
  const isShared = guests.length > 0 || publishable.some(({ signature }) => signature.release);
  const numbering = numberSignatures(
    isShared ? findResidents(directory, files, guests) : publishable,
  );
  for (const file of publishable) {
    if (isOlder(file)) continue;
    if (file.signature.release) yield* reportReleased(file, numberIn);
    else yield reportPublishable(directory, file, numbering, held);
  }
  if (isReleaseDirectory(directory)) {
    for (const { path } of findUnlisted(guests)) yield reportRejected(path, rejectUnlisted(guests));
  }
  for (const file of files) {
    const number = isWaiting(file) ? numberOfOlder(file.path, numbering, held) : 0;
    if (isWaiting(file) && number > 0) yield reportWaiting(file, formatLocation(directory, number));
    else if (!isOlder(file)) yield* reportOther(file);
  }
}

/** Under which number the file is served that lay at a path before; 0 for none. */
function numberOfOlder(path: string, { served }: Numbering, held?: Numbers): number {
  const index = served.findIndex((file) => file.path === path && isOlder(file));
  return held?.get(served[index]?.signature.hash ?? '') ?? index + 1;
}

function reportWaiting(
  { path, rejection }: Extract<CheckedFile, { readonly kind: 'rejected' }>,
  location: string,
): RejectedFile {
  const rejected = reportRejected(path, rejection);
  const message = `${rejected.message}; until there is a verdict, the file that it replaces is served`;
  return { ...rejected, message, olderServedAs: `/${location}` };
}

/** A file that is not published. */
export function* reportOther(file: CheckedFile): Generator<ReportedFile> {
  if (file.kind === 'rejected') yield reportRejected(file.path, file.rejection);
  else if (file.kind === 'ignored') yield reportIgnored(file.path);
}

function reportPublishable(
  directory: string,
  file: PublishableFile,
  { served, duplicates, overflow }: Numbering,
  held?: Numbers,
): ReportedFile {
  const { path, signature } = file;
  const original = duplicates.get(file);
  const freshNumber = served.indexOf(original ?? file) + 1;
  const number = held?.get(signature.hash) ?? freshNumber;
  if (freshNumber === 0) return reportRejected(path, rejectExcess(served.length + overflow.length));
  const warnings = [...signature.warnings];
  if (original) {
    const message = `has the same bytes as signature ${original.number}; served once`;
    warnings.push({ code: 'duplicate', message });
  } else if (number !== file.number) {
    const why =
      number === freshNumber
        ? 'nodes stop at the first number that is missing'
        : 'for now, as caches may hold others under its own';
    const message = `served as number ${number}: ${why}`;
    warnings.push({ code: 'renumbered', message });
  }
  if (number > MOST_RELEASE_SIGNATURES) {
    const message = `OpenShift's updater reads signatures 1 to ${MOST_RELEASE_SIGNATURES} only`;
    warnings.push({ code: 'many-signatures', message });
  }
  for (const { keyring } of findMissing(signature, served)) {
    const wanted = keyring.keys.map(({ fingerprint }) => fingerprint).join(' or ');
    const message = `nodes refuse the image until it is signed by ${wanted} too`;
    warnings.push({ code: 'co-signature-missing', message });
  }
  return {
    path,
    status: signature.status,
    servedAs: `/${formatLocation(directory, number)}`,
    claims: formatClaims(signature.claims),
    ...(signature.signer && { signer: signature.signer }),
    warnings,
  };
}

/** A file of a release area, unless it is told of as one too many where it is left out. */
function* reportReleased(
  file: PublishableFile,
  numberIn: ReleaseView['numberIn'],
): Generator<AcceptedFile> {
  const { path, signature } = file;
  const toServed = (directory: string): readonly string[] => {
    const number = numberIn(directory, file);
    return number === 0 ? [] : [`/${formatLocation(directory, number)}`];
  };
  const places = findPlaces(file);
  const forNodes = places.forNodes.flatMap(toServed);
  const forClusters = places.forClusters.flatMap(toServed);
  const [servedAs] = [...forNodes, ...forClusters];
  if (servedAs === undefined) return;
  const refusal = forClusters.length > 0 ? undefined : (places.refusal ?? EXCESS);
  const warnings = [...signature.warnings];
  if (refusal) {
    const message = `no cluster finds it before an update: ${refusal.message}`;
    warnings.push({ code: 'not-for-releases', message });
  }
  yield {
    path,
    status: signature.status,
    servedAs,
    claims: formatClaims(signature.claims),
    ...(signature.signer && { signer: signature.signer }),
    warnings,
    release: refusal ?? { servedAs: forClusters },
  };
}

/** What a signature of a release gets beyond the most that clusters ask for. */
function rejectUnlisted(guests: readonly PublishableFile[]): Rejection {
  const message = `${EXCESS.message}, got ${guests.length}`;
  return reject(EXCESS.code, message, { hint: EXCESS.hint });
}

const EXCESS = {
  code: 'too-many-signatures',
  message: `expected at most ${MOST_RELEASE_SIGNATURES} signatures of a release`,
  hint: 'Remove the ones that no cluster needs: each takes the first that is good.',
} as const satisfies Partial<Rejection>;

/** Requirements of a signature's scope that no signature of the same image meets. */
export function findMissing(
  { scope, claims }: Signature,
  served: Iterable<Pick<PublishableFile, 'signature'>>,
): readonly SignedBy[] {
  if (scope.signedBy.length < 2) return [];
  const all = [...served];
  return scope.signedBy.filter((wanted) => {
    const isByTag = BY_TAG.has(wanted.signedIdentity.type);
    return !all.some(
      ({ signature: other }) =>
        other.meets.includes(wanted) &&
        (!isByTag || other.claims.dockerReference === claims.dockerReference),
    );
  });
}

/** Rules by which a node that pulls by tag wants the same tag of every signature. */
const BY_TAG: ReadonlySet<string> = new Set([
  'matchExact',
  'matchRepoDigestOrExact',
  'remapIdentity',
]);

/** What a signature gets beyond the most that nodes read; `count` is how many there are. */
export function rejectExcess(count: number): Rejection {
  const message = `expected at most ${MAX_SIGNATURES} signatures in the directory, got ${count}`;
  return reject('too-many-signatures', message, { breaksPulls: true });
}

/** A file that is ignored, with a warning where it lies among signatures. */
export function reportIgnored(path: string): ReportedIgnored {
  if (!isStrayDotFile(path)) return { path, status: 'ignored' };
  const message = 'lies among signatures, and is ignored: move it out of the digest directory';
  return { path, status: 'ignored', warnings: [{ code: 'dot-file', message }] };
}

/** A file with what is wrong with it. */
export function reportRejected(path: string, rejection: Rejection): RejectedFile {
  const { code, message, breaksPulls, signedAs } = rejection;
  const hint = nameFileIn(rejection.hint, path);
  const name = signedAs === undefined ? {} : { signedAs };
  return { path, status: 'rejected', code, message, hint, breaksPulls, ...name };
}

/** Claims with a time that people can read. */
export function formatClaims(claims: UntrustedClaims): ReportedClaims {
  return { ...claims, timestamp: formatTimestamp(claims.timestamp) };
}

function formatTimestamp(seconds: number | null): string | null {
  if (seconds === null) return null;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : formatTime(date.getTime());
}
