// Makes a new store of a whole state: from the checkpoint of an earlier run, or by reading every file.
import type { CheckedFile } from '../../generator/gate/checked-file.ts';
import { type FindStanding, assertRead, judgeAgain } from '../../generator/store/judge-again.ts';
import { loadStore } from '../../generator/store/load-store.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { DEFERRED } from '../../generator/openpgp/open-message.ts';
import { isUndecided } from '../../generator/terms/rejection.ts';
import { toBlobEntry } from '../../generator/sources/blob-entry.ts';
import type { FileEntry, Snapshot } from '../../generator/sources/source.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { StoreJudge } from './judge-with-memory.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { OlderByPath } from './older-files.ts';
import { patience, renewLapsed } from './judging-again.ts';

/** How long files in an unusual form may hold up the first generation. Milliseconds. */
const PATIENCE = 30_000;

export interface LoadStateOptions {
  readonly snapshot: Snapshot;
  readonly judge: StoreJudge;
  readonly now: Date;
  /** What is served meanwhile, with its judge. */
  readonly served: { readonly store: SignatureStore; readonly judge: StoreJudge } | undefined;
  /** What an earlier run served in place of files without a verdict; used if nothing is served yet. */
  readonly remembered: OlderByPath;
  readonly log: ProgramLog;
}

/** The store of a snapshot, and whether it came from a checkpoint. */
export interface LoadedState {
  readonly store: SignatureStore;
  readonly isRestored: boolean;
}

/** Makes the store of a snapshot, as of a moment. Throws as the source does. */
export async function loadState(options: LoadStateOptions): Promise<LoadedState> {
  const { snapshot, judge, now } = options;
  const restored = await judge.restore?.(snapshot, now);
  const store = restored ?? (await loadAnew(options));
  bringOlder(store, options);
  await settle(store, options);
  if (restored || hasUnjudgedOlder(store)) await lookUpVerdicts(store, options);
  return { store, isRestored: restored !== undefined };
}

/** Reads every file. */
async function loadAnew(options: LoadStateOptions): Promise<SignatureStore> {
  const { snapshot, judge, now } = options;
  await recallVerdicts(options);
  try {
    return await loadStore(snapshot, judge, now, undefined, { effort: 'quick' });
  } finally {
    await judge.release?.('all');
  }
}

/** Adds what was there before files without a verdict, to be judged together with them. */
function bringOlder(store: SignatureStore, { served, remembered }: LoadStateOptions): void {
  const older: CheckedFile[] = [];
  for (const { path, directory } of store.undecided()) {
    if (directory === undefined) continue;
    const bytes = served ? served.store.olderFor(directory, path)?.older : remembered.get(path);
    if (!bytes) continue;
    const entry = toBlobEntry(path, bytes);
    // It is the very file that waits.
    if (isSameEntry(store.fileAt(directory, path), entry)) continue;
    older.push({ kind: 'rejected', path, directory, entry, rejection: DEFERRED, older: bytes });
  }
  store.prepare(older).apply();
}

function isSameEntry(file: CheckedFile | undefined, { id }: FileEntry): boolean {
  return file?.kind === 'rejected' && file.entry.kind === 'file' && file.entry.id === id;
}

/** Whether there is an older file for which only a verdict of an earlier run may be left. */
function hasUnjudgedOlder(store: SignatureStore): boolean {
  return [...store.older()].some((file) => file.kind === 'rejected' && isUndecided(file.rejection));
}

/** Judges files that take longer, and verdicts that do not hold any more. */
async function settle(store: SignatureStore, options: LoadStateOptions): Promise<void> {
  const { snapshot, judge, now } = options;
  const findStanding = createFindStanding(store, options);
  const job = { store, snapshot, judge, now, isEnough: patience(PATIENCE), findStanding };
  assertRead(await renewLapsed(job));
  assertRead(await judgeAgain([...store.undecided()], job));
}

/** Looks up verdicts of earlier runs on files for which there is none now. */
async function lookUpVerdicts(store: SignatureStore, options: LoadStateOptions): Promise<void> {
  const { snapshot, judge, now } = options;
  const waiting = [...store.undecided()];
  if (waiting.length === 0 || !judge.recall) return;
  await recallVerdicts(options);
  try {
    const job = { store, snapshot, judge, now, isEnough: () => true, onlyQuick: true };
    assertRead(await judgeAgain(waiting, job));
  } finally {
    await judge.release?.('some');
  }
}

/** If that fails, everything is judged again. */
async function recallVerdicts({ judge, log }: LoadStateOptions): Promise<void> {
  try {
    await judge.recall?.();
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'cannot read the verdicts of earlier runs');
  }
}

/** Finds the verdict that stays where no new one can be had: by this judge, or by one that agrees with it. */
function createFindStanding(
  next: SignatureStore,
  { judge, served }: LoadStateOptions,
): FindStanding {
  return ({ directory, path }, wanted) => {
    for (const store of [next, served?.store]) {
      const known =
        directory === undefined ? undefined : store?.signatureAt(directory, path, wanted);
      if (!known) continue;
      if (store === next || served?.judge === judge) return known;
      const terms = served?.judge.terms?.format(known);
      const again = terms === undefined ? undefined : judge.terms?.parse(terms);
      if (!again) continue;
      const { status, bytes, hash, claims, signedAt, validFrom, validUntil } = known;
      const { signer, scope, meets, warnings, gpgv } = again;
      const own = { status, bytes, hash, claims, signedAt, validFrom, validUntil };
      return { ...own, signer, scope, meets, warnings, gpgv };
    }
    return undefined;
  };
}
