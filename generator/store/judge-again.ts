// Files of a store are judged again: in small steps, so that lookups do not wait, and what is quick
// before what is dear, so that a thousand files that keep gpgv busy hold up nothing else. A file for
// which there is no verdict now stays what it was.
import { hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { pMapIterable } from 'p-map';
import type { CheckedFile } from '../gate/checked-file.ts';
import type { Judge, Signature } from '../gate/judge.ts';
import { DEFERRED, type Effort } from '../openpgp/open-message.ts';
import { type Pass, SourceError, toBlobEntry } from '../sources/source.ts';
import type { Location } from '../terms/location.ts';
import { parseAnyLocation } from '../terms/release-location.ts';
import { isRejection, isUndecided } from '../terms/rejection.ts';
import { holdsAt, wholeSecond } from '../terms/validity.ts';
import { type JudgedFile, type SignatureStore, fileValidity } from './store.ts';

/** Files that are judged at once, and those that may keep gpgv busy: what has begun is not left. */
const CONCURRENCY = 64;
const DEAR_AT_ONCE = availableParallelism();
/** Files that are looked at between two pauses, and those that are applied in one step. */
const LOOKED_AT_ONCE = 2000;
const APPLIED_AT_ONCE = 1000;
/** Files of a round that are told of by name. */
const TOLD = 100;
const EFFORTS: readonly Effort[] = ['quick', 'usual', 'any'];
const QUICK: readonly Effort[] = ['quick'];
/** What is served on without a verdict is asked for again after this. Milliseconds. */
const SERVED_ON = 60_000;

/** The signature that is served on under a path with these bytes where no verdict can be had. */
export type FindStanding = (file: JudgedFile, hash: string) => Signature | undefined;

export interface JudgeAgainOptions {
  /** Where changes go. */
  readonly store: SignatureStore;
  /** Where the bytes of rejected files come from. */
  readonly snapshot: Pick<Pass, 'read'>;
  readonly judge: Judge;
  readonly now: Date;
  /** Asked between files that may take long: from then on they are left for later. */
  readonly isEnough: () => boolean;
  /** Told of each file for which there is a good verdict, another one or for longer. */
  readonly onGood?: () => void;
  /** Whether files that nobody has looked at yet are left too, for the caller to go on from. */
  readonly mayBreakOff?: boolean;
  /** Does a change of the store, where that is not just to be done. */
  readonly inOneStep?: (change: () => void) => void;
  /** Whether what takes any effort is left at once. */
  readonly onlyQuick?: boolean;
  /** What is in the store already unless given. */
  readonly findStanding?: FindStanding;
}

export interface JudgedAgain {
  /** Files of which people are told something else now. */
  readonly changes: number;
  /** Some of the files that are rejected now, and were not, or for another reason. */
  readonly rejected: readonly JudgedFile[];
  /** Files that got no try, as it was enough or their bytes cannot be read now. */
  readonly left: readonly JudgedFile[];
  /** Why bytes cannot be read, where some cannot. */
  readonly failure: SourceError | undefined;
}

/** Judges files again; undefined among them is one that was passed over. */
export async function judgeAgain(
  files: Iterable<JudgedFile | undefined>,
  options: JudgeAgainOptions,
): Promise<JudgedAgain> {
  const rounds: Round[] = [];
  let left = files;
  for (const effort of options.onlyQuick === true ? QUICK : EFFORTS) {
    const round = await judgeWith(effort, left, options);
    rounds.push(round);
    left = round.deferred;
  }
  return {
    changes: rounds.reduce((sum, { changes }) => sum + changes, 0),
    rejected: rounds.flatMap(({ rejected }) => rejected),
    left: [...(rounds.at(-1)?.deferred ?? []), ...rounds.flatMap(({ unread }) => unread)],
    failure: rounds.find(({ failure }) => failure !== undefined)?.failure,
  };
}

/** A file as it is now. */
interface Again {
  readonly file: JudgedFile;
  /** Whether more has changed than when it holds. */
  readonly isOther: boolean;
}

/** Throws why some of the files could not be read. */
export function assertRead({ failure }: Pick<JudgedAgain, 'failure'>): void {
  if (failure) throw failure;
}

interface Round {
  readonly changes: number;
  readonly rejected: readonly JudgedFile[];
  /** Files that take more effort. */
  readonly deferred: readonly JudgedFile[];
  /** Files whose bytes cannot be read, and why that is. */
  readonly unread: readonly JudgedFile[];
  readonly failure: SourceError | undefined;
}

async function judgeWith(
  effort: Effort,
  files: Iterable<JudgedFile | undefined>,
  options: JudgeAgainOptions,
): Promise<Round> {
  const { store, isEnough, inOneStep = doNow, onGood = () => undefined } = options;
  const deferred: JudgedFile[] = [];
  const unread: JudgedFile[] = [];
  let failure: SourceError | undefined;
  const judge = async (file: JudgedFile): Promise<Again | undefined> => {
    const isLeft = effort === 'any' && isEnough();
    const again = isLeft ? 'deferred' : await judgeFile(file, effort, options);
    if (again instanceof SourceError) {
      // One that is damaged holds up no other.
      failure ??= again;
      unread.push(file);
      return undefined;
    }
    if (again !== 'deferred') return again;
    deferred.push(file);
    return undefined;
  };
  const rejected: JudgedFile[] = [];
  let changes = 0;
  let batch: CheckedFile[] = [];
  const apply = (): void => {
    const prepared = store.prepare(batch);
    inOneStep(() => prepared.apply());
    batch = [];
  };
  const concurrency = effort === 'any' ? DEAR_AT_ONCE : CONCURRENCY;
  const hasToEnd = options.mayBreakOff === true && effort === 'quick' ? isEnough : undefined;
  const judged = pMapIterable(withPauses(files, hasToEnd), judge, { concurrency });
  for await (const again of judged) {
    if (!again) continue;
    batch.push(again.file);
    if (again.file.kind === 'publishable') onGood();
    changes += Number(again.isOther);
    if (again.isOther && again.file.kind === 'rejected' && rejected.length < TOLD) {
      rejected.push(again.file);
    }
    if (batch.length < APPLIED_AT_ONCE) continue;
    apply();
    await setImmediate();
  }
  if (batch.length > 0) apply();
  return { changes, rejected, deferred, unread, failure };
}

function doNow(change: () => void): void {
  change();
}

/** The files, with pauses: a pass over a large store would keep lookups waiting. */
export async function* withPauses(
  files: Iterable<JudgedFile | undefined>,
  hasToEnd: () => boolean = () => false,
): AsyncGenerator<JudgedFile> {
  let looked = 0;
  for (const file of files) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (!file) continue;
    yield file;
    if (hasToEnd()) return;
  }
}

/** What is to be said of a file now; undefined if nothing else than before. */
async function judgeFile(
  file: JudgedFile,
  effort: Effort,
  { snapshot, judge, now, store, findStanding = standingIn(store) }: JudgeAgainOptions,
): Promise<Again | 'deferred' | SourceError | undefined> {
  const { path } = file;
  const older = file.older && { older: file.older };
  const location = parseAnyLocation(path);
  const bytes = await readBytes(file, snapshot).catch(toSourceError);
  if (!location || bytes === undefined) return undefined;
  if (bytes instanceof SourceError) return bytes;
  const { directory, number } = location;
  if (isRejection(bytes)) {
    return file.kind === 'rejected' ? compare(file, { ...file, rejection: bytes }) : undefined;
  }
  const again = await judge.judge(location, bytes, now, effort);
  if (again === DEFERRED) return 'deferred';
  if (!isRejection(again)) {
    const good = { path, directory, number, signature: again, ...older };
    return compare(file, { kind: 'publishable', ...good });
  }
  const standing = isUndecided(again) ? findStanding(file, hashOf(file, bytes)) : undefined;
  if (standing) return serveOn(file, location, standing, now);
  const entry = file.kind === 'rejected' ? file.entry : toBlobEntry(path, bytes);
  return compare(file, { kind: 'rejected', path, directory, entry, rejection: again, ...older });
}

function hashOf(file: JudgedFile, bytes: Uint8Array): string {
  return file.kind === 'publishable' ? file.signature.hash : hash('sha256', bytes, 'base64url');
}

async function readBytes(
  file: JudgedFile,
  snapshot: Pick<Pass, 'read'>,
): Promise<Awaited<ReturnType<Pass['read']>> | undefined> {
  if (file.older) return file.older;
  if (file.kind === 'publishable') return file.signature.bytes;
  return file.entry.kind === 'file' ? snapshot.read(file.entry) : undefined;
}

function toSourceError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  throw error;
}

function standingIn(store: SignatureStore): FindStanding {
  return ({ directory, path }, wanted) =>
    directory === undefined ? undefined : store.signatureAt(directory, path, wanted);
}

/** No verdict is no reason to take away what was good. */
function serveOn(
  file: JudgedFile,
  { directory, number }: Location,
  standing: Signature,
  now: Date,
): Again | undefined {
  const from = wholeSecond(now.getTime());
  const known = { from: standing.validFrom, until: standing.validUntil };
  const { from: validFrom, until: validUntil } = holdsAt(known, now)
    ? known
    : { from, until: from + SERVED_ON };
  const { status, bytes, claims, signer, scope, meets, warnings, signedAt, gpgv } = standing;
  const { hash: sum, release } = standing;
  const own = { status, bytes, hash: sum, claims, signer, scope, meets, warnings, release };
  const signature = { ...own, signedAt, validFrom, validUntil, gpgv };
  const older = file.older && { older: file.older };
  const good = { path: file.path, directory, number, signature, ...older };
  return compare(file, { kind: 'publishable', ...good });
}

/** Undefined where nothing has changed, not even when it holds. */
function compare(before: JudgedFile, file: JudgedFile): Again | undefined {
  const isOther = !isSame(before, file);
  return isOther || !isAsLong(before, file) ? { file, isOther } : undefined;
}

function isAsLong(one: JudgedFile, other: JudgedFile): boolean {
  const [a, b] = [fileValidity(one), fileValidity(other)];
  return a.from === b.from && a.until === b.until;
}

function isSame(one: JudgedFile, other: JudgedFile): boolean {
  if (one.kind === 'publishable') {
    return other.kind === 'publishable' && isSameSignature(one.signature, other.signature);
  }
  if (other.kind !== 'rejected') return false;
  const [a, b] = [one.rejection, other.rejection];
  return a.code === b.code && a.message === b.message && a.hint === b.hint;
}

function isSameSignature(one: Signature, other: Signature): boolean {
  return (
    one.status === other.status &&
    one.hash === other.hash &&
    one.signer?.fingerprint === other.signer?.fingerprint &&
    one.scope === other.scope &&
    one.gpgv === other.gpgv &&
    isSameRelease(one.release, other.release) &&
    isEqual(one.meets, other.meets) &&
    isEqual(one.warnings.map(toMessage), other.warnings.map(toMessage))
  );
}

function isSameRelease(one: Signature['release'], other: Signature['release']): boolean {
  return (
    one?.area === other?.area &&
    one?.repository === other?.repository &&
    one?.refusal?.message === other?.refusal?.message
  );
}

function toMessage({ message }: Signature['warnings'][number]): string {
  return message;
}

function isEqual(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((part, at) => part === other[at]);
}
