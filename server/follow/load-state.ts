// A state as a whole becomes a store that nobody looks into yet: from the image of an earlier run,
// or by looking at every file.
import { type FindStanding, assertRead, judgeAgain } from '../../generator/judge-again.ts';
import { loadStore } from '../../generator/load-store.ts';
import { messageOf } from '../../generator/message-of.ts';
import type { Snapshot } from '../../generator/sources/source.ts';
import type { SignatureStore } from '../../generator/store.ts';
import type { StoreJudge } from '../judge-with-memory.ts';
import type { ProgramLog } from '../program-log.ts';
import { patience, renewLapsed } from './judging-again.ts';

/** What files in an unusual form may hold up the first generation. Milliseconds. */
const PATIENCE = 30_000;

export interface LoadStateOptions {
  readonly snapshot: Snapshot;
  readonly judge: StoreJudge;
  readonly now: Date;
  /** What is served meanwhile, and the judge of it. */
  readonly served: { readonly store: SignatureStore; readonly judge: StoreJudge } | undefined;
  readonly log: ProgramLog;
}

/** The store of a snapshot, and whether it is from an image. */
export interface LoadedState {
  readonly store: SignatureStore;
  readonly isRestored: boolean;
}

/** Makes the store of a snapshot, as of a moment. Throws as the source does. */
export async function loadState(options: LoadStateOptions): Promise<LoadedState> {
  const { snapshot, judge, now } = options;
  const restored = await judge.restore?.(snapshot, now);
  const store = restored ?? (await loadAnew(options));
  await settle(store, options);
  if (restored) await lookUpVerdicts(store, options);
  return { store, isRestored: restored !== undefined };
}

/** By looking at every file. */
async function loadAnew(options: LoadStateOptions): Promise<SignatureStore> {
  const { snapshot, judge, now } = options;
  await recallVerdicts(options);
  try {
    return await loadStore(snapshot, judge, now, undefined, { effort: 'quick' });
  } finally {
    await judge.release?.('all');
  }
}

/** Judges what takes longer, and what does not hold any more. */
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

/** Without what was judged before, everything is judged anew. */
async function recallVerdicts({ judge, log }: LoadStateOptions): Promise<void> {
  try {
    await judge.recall?.();
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'remembered verdicts cannot be read');
  }
}

/** What is served on where no verdict can be had: by this rule, or by one that says the same of it. */
function createFindStanding(
  next: SignatureStore,
  { judge, served }: LoadStateOptions,
): FindStanding {
  return ({ directory, path }, wanted) => {
    for (const store of [next, served?.store]) {
      const file = directory === undefined ? undefined : store?.fileAt(directory, path);
      if (file?.kind !== 'publishable' || file.signature.hash !== wanted) continue;
      if (store === next || served?.judge === judge) return file.signature;
      const terms = served?.judge.terms?.format(file.signature);
      const again = terms === undefined ? undefined : judge.terms?.parse(terms);
      if (!again) continue;
      const { status, bytes, hash, claims, signedAt, validFrom, validUntil } = file.signature;
      const { signer, scope, meets, warnings, gpgv } = again;
      const own = { status, bytes, hash, claims, signedAt, validFrom, validUntil };
      return { ...own, signer, scope, meets, warnings, gpgv };
    }
    return undefined;
  };
}
