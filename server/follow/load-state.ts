// A state as a whole becomes a store that nobody looks into yet: from the checkpoint of an earlier
// run, or by judging every file.
import type { CheckedFile, PublishableFile } from '../../generator/gate/checked-file.ts';
import type { Signature } from '../../generator/gate/judge.ts';
import { type FindStanding, assertRead, judgeAgain } from '../../generator/store/judge-again.ts';
import { loadStore } from '../../generator/store/load-store.ts';
import { DEFERRED } from '../../generator/openpgp/open-message.ts';
import { type FileEntry, type Snapshot, toBlobEntry } from '../../generator/sources/source.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { HeldDirectories } from '../lost/compare-stores.ts';
import type { StoreJudge } from './judge-with-memory.ts';
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
  /** Called with the store as a checkpoint has it, before what has changed since is brought in. */
  readonly onRestored?: ((store: SignatureStore) => Promise<void>) | undefined;
}

/** The store of a snapshot, and how many of its verdicts took longer than a first look. */
export interface LoadedState {
  readonly store: SignatureStore;
  readonly renewed: number;
  /** What an earlier run served and is no longer as it was, by directory. */
  readonly left: HeldDirectories;
}

/** Makes the store of a snapshot, as of a moment. Throws as the source does. */
export async function loadState(options: LoadStateOptions): Promise<LoadedState> {
  const { snapshot, judge, now, remembered, onRestored } = options;
  const restored = await judge.checkpoint?.restore(snapshot, {
    now,
    older: remembered,
    ...(onRestored && { onRestored }),
  });
  const store =
    restored?.store ?? (await loadStore(snapshot, judge, now, undefined, { effort: 'quick' }));
  bringOlder(store, options);
  const renewed = await settle(store, restored?.older ?? new Map(), options);
  return { store, renewed, left: byDirectory(restored?.left ?? []) };
}

function byDirectory(files: readonly PublishableFile[]): HeldDirectories {
  const held = new Map<string, PublishableFile[]>();
  for (const file of files) {
    const group = held.get(file.directory) ?? [];
    group.push(file);
    held.set(file.directory, group);
  }
  return held;
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

/** Judges what takes longer, and what does not hold any more. Tells how many have a verdict now. */
async function settle(
  store: SignatureStore,
  older: ReadonlyMap<string, Signature>,
  options: LoadStateOptions,
): Promise<number> {
  const { snapshot, judge, now } = options;
  let renewed = 0;
  const onGood = (): void => void renewed++;
  const findStanding = createFindStanding(store, older, options);
  const job = { store, snapshot, judge, now, isEnough: patience(PATIENCE), findStanding, onGood };
  assertRead(await renewLapsed(job));
  assertRead(await judgeAgain([...store.undecided()], job));
  return renewed;
}

/** Finds the verdict that stays where no new one can be had: by this judge, or by one that agrees with it. */
function createFindStanding(
  next: SignatureStore,
  older: ReadonlyMap<string, Signature>,
  { judge, served }: LoadStateOptions,
): FindStanding {
  return ({ directory, path }, wanted) => {
    for (const store of [next, served?.store]) {
      const known =
        directory === undefined ? undefined : store?.signatureAt(directory, path, wanted);
      if (!known) continue;
      if (store === next || served?.judge === judge) return known;
      const text = served?.judge.sharedVerdicts?.format(known);
      const again = text === undefined ? undefined : judge.sharedVerdicts?.parse(text);
      if (!again) continue;
      const { status, bytes, hash, claims, signedAt, validFrom, validUntil } = known;
      const { signer, scope, meets, warnings, gpgv, release } = again;
      const own = { status, bytes, hash, claims, signedAt, validFrom, validUntil };
      return { ...own, signer, scope, meets, warnings, gpgv, release };
    }
    const remembered = older.get(path);
    return remembered?.hash === wanted ? remembered : undefined;
  };
}
