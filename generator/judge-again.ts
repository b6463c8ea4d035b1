// Files of a store are judged again: in small steps, so that lookups do not wait, and what is quick
// before what is dear, so that a thousand files that keep gpgv busy hold up nothing else. A file for
// which there is no verdict now stays what it was.
import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { pMapIterable } from 'p-map';
import type { CheckedFile } from './checked-file.ts';
import type { Judge, Signature } from './judge.ts';
import { type Location, parseLocation } from './location.ts';
import { DEFERRED, type Effort } from './openpgp/open-message.ts';
import { isRejection, isUndecided } from './rejection.ts';
import { toBlobEntry } from './sources/blob-entry.ts';
import type { Pass } from './sources/source.ts';
import type { JudgedFile, SignatureStore } from './store.ts';
import { wholeSecond } from './validity.ts';

/** Files that are judged at once, those that are looked at between two pauses, those applied in one step. */
const CONCURRENCY = 64;
const LOOKED_AT_ONCE = 5000;
const APPLIED_AT_ONCE = 1000;
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
  /** What is in the store already unless given. */
  readonly findStanding?: FindStanding;
}

export interface JudgedAgain {
  /** Files of which something else is said now. */
  readonly changes: number;
  /** Files that got no try, as it was enough. */
  readonly left: number;
}

/** Judges files again; undefined among them is one that was passed over. */
export async function judgeAgain(
  files: Iterable<JudgedFile | undefined>,
  options: JudgeAgainOptions,
): Promise<JudgedAgain> {
  const quick = await judgeWith('quick', files, options);
  const usual = await judgeWith('usual', quick.deferred, options);
  const any = await judgeWith('any', usual.deferred, options);
  return { changes: quick.changes + usual.changes + any.changes, left: any.deferred.length };
}

interface Round {
  readonly changes: number;
  /** Files that take more effort. */
  readonly deferred: readonly JudgedFile[];
}

async function judgeWith(
  effort: Effort,
  files: Iterable<JudgedFile | undefined>,
  options: JudgeAgainOptions,
): Promise<Round> {
  const { store, isEnough } = options;
  const deferred: JudgedFile[] = [];
  const judge = async (file: JudgedFile): Promise<CheckedFile | undefined> => {
    const isLeft = effort === 'any' && isEnough();
    const again = isLeft ? 'deferred' : await judgeFile(file, effort, options);
    if (again !== 'deferred') return again;
    deferred.push(file);
    return undefined;
  };
  let changes = 0;
  let batch: CheckedFile[] = [];
  const apply = (): void => {
    store.prepare(batch).apply();
    changes += batch.length;
    batch = [];
  };
  const judged = pMapIterable(withPauses(files), judge, { concurrency: CONCURRENCY });
  for await (const file of judged) {
    if (file) batch.push(file);
    if (batch.length < APPLIED_AT_ONCE) continue;
    apply();
    await setImmediate();
  }
  if (batch.length > 0) apply();
  return { changes, deferred };
}

/** A pass over a large store would keep lookups waiting. */
async function* withPauses(
  files: Iterable<JudgedFile | undefined>,
): AsyncGenerator<JudgedFile> {
  let looked = 0;
  for (const file of files) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (file) yield file;
  }
}

/** What is to be said of a file now; undefined if nothing else than before. */
async function judgeFile(
  file: JudgedFile,
  effort: Effort,
  { snapshot, judge, now, store, findStanding = standingIn(store) }: JudgeAgainOptions,
): Promise<CheckedFile | 'deferred' | undefined> {
  const { path } = file;
  const location = parseLocation(path);
  const bytes = await readBytes(file, snapshot);
  if (!location || bytes === undefined) return undefined;
  const { directory, number } = location;
  if (isRejection(bytes)) {
    return file.kind === 'rejected' ? { ...file, rejection: bytes } : undefined;
  }
  const again = await judge.judge(location, bytes, now, effort);
  if (again === DEFERRED) return 'deferred';
  if (!isRejection(again)) {
    return changed(file, { kind: 'publishable', path, directory, number, signature: again });
  }
  const standing = isUndecided(again)
    ? findStanding(file, hash('sha256', bytes, 'base64url'))
    : undefined;
  if (standing) return serveOn(file, location, standing, now);
  const entry = file.kind === 'rejected' ? file.entry : toBlobEntry(path, bytes);
  return changed(file, { kind: 'rejected', path, directory, entry, rejection: again });
}

async function readBytes(
  file: JudgedFile,
  snapshot: Pick<Pass, 'read'>,
): Promise<Awaited<ReturnType<Pass['read']>> | undefined> {
  if (file.kind === 'publishable') return file.signature.bytes;
  return file.entry.kind === 'file' ? snapshot.read(file.entry) : undefined;
}

function standingIn(store: SignatureStore): FindStanding {
  return (file, wanted) => {
    const known =
      file.directory === undefined ? undefined : store.fileAt(file.directory, file.path);
    if (known?.kind !== 'publishable') return undefined;
    return known.signature.hash === wanted ? known.signature : undefined;
  };
}

/** No verdict is no reason to take away what was good. */
function serveOn(
  file: JudgedFile,
  { directory, number }: Location,
  signature: Signature,
  now: Date,
): CheckedFile | undefined {
  const holds = signature.validFrom <= now.getTime() && now.getTime() < signature.validUntil;
  if (holds && file.kind === 'publishable' && file.signature === signature) return undefined;
  const from = wholeSecond(now.getTime());
  const times = holds ? {} : { validFrom: from, validUntil: from + SERVED_ON };
  return {
    kind: 'publishable',
    path: file.path,
    directory,
    number,
    signature: { ...copySignature(signature), ...times },
  };
}

/** Those of a store are no plain objects. */
function copySignature(signature: Signature): Signature {
  const { status, bytes, claims, signer, scope, meets, warnings } = signature;
  const { signedAt, validFrom, validUntil, gpgv } = signature;
  const times = { signedAt, validFrom, validUntil };
  const own = { status, bytes, hash: signature.hash, claims, signer, scope, meets };
  return { ...own, ...times, gpgv, warnings };
}

/** The file as it is now; undefined where that is what it was. */
function changed(before: JudgedFile, now: JudgedFile): CheckedFile | undefined {
  return isSame(before, now) ? undefined : now;
}

function isSame(one: JudgedFile, other: JudgedFile): boolean {
  if (one.kind === 'publishable') {
    return other.kind === 'publishable' && isSameSignature(one.signature, other.signature);
  }
  if (other.kind !== 'rejected') return false;
  const [a, b] = [one.rejection, other.rejection];
  const isEqual = a.code === b.code && a.message === b.message && a.hint === b.hint;
  return (
    isEqual && a.validity?.from === b.validity?.from && a.validity?.until === b.validity?.until
  );
}

function isSameSignature(one: Signature, other: Signature): boolean {
  return (
    one.status === other.status &&
    one.validFrom === other.validFrom &&
    one.validUntil === other.validUntil &&
    one.signer?.fingerprint === other.signer?.fingerprint &&
    one.scope === other.scope &&
    one.gpgv === other.gpgv &&
    one.meets.length === other.meets.length &&
    one.meets.every((requirement, at) => requirement === other.meets[at]) &&
    one.warnings.length === other.warnings.length &&
    one.warnings.every(({ message }, at) => message === other.warnings[at]?.message)
  );
}
