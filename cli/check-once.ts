import { rm } from 'node:fs/promises';
import { DirectoryInUseError } from '../generator/directory-lock.ts';
import { createImageWriter } from '../generator/image/image-writer.ts';
import { createStoreMemory } from '../generator/image/store-memory.ts';
import { type Judge, createJudge } from '../generator/judge.ts';
import { loadStore } from '../generator/load-store.ts';
import type { Policy } from '../generator/policy/policy.ts';
import { type CheckReport, type ReportedFile, sortByPath } from '../generator/report.ts';
import { BLOCKING_CALLS } from '../generator/sources/file-calls.ts';
import type { Snapshot, Source } from '../generator/sources/source.ts';
import type { SignatureStore } from '../generator/store.ts';
import { createVerdictIds } from '../generator/verdict-ids.ts';
import { createVerdictTerms } from '../generator/verdict-terms.ts';
import { type Engines, openEngines, warnOfMissingGpgv } from './open-engines.ts';
import { openSource, withTemporaryState } from './open-source.ts';
import type { Settings } from './options.ts';
import { showProgress } from './progress.ts';
import { readPolicy } from './read-policy.ts';
import { stateFile } from './state-file.ts';
import type { World } from './world.ts';

/** What one pass over a source found. */
export interface Checked extends Pick<CheckReport, 'source' | 'keys'> {
  readonly store: SignatureStore;
}

/** What is to be told: of all files, or of some of them. */
export function reportOn(
  { source, keys, store }: Checked,
  files: Iterable<ReportedFile>,
): CheckReport {
  return { source, keys, summary: store.summary, files: sortByPath(files) };
}

/** What a pass works with. */
interface Pass {
  readonly location: string;
  readonly settings: Settings;
  readonly world: World;
  readonly policy: Policy;
  readonly engines: Engines;
  readonly judge: Judge;
  readonly ending: AbortSignal;
}

/**
 * Checks every file of a source, once. With a directory that is `kept` between runs, a run goes on
 * from what the one before knew; whatever is wrong with it costs only that.
 */
export async function checkOnce(
  location: string,
  settings: Settings,
  world: World,
  kept?: string,
): Promise<Checked> {
  const policy = await readPolicy(settings);
  return withTemporaryState(world.signals, async (temporary, ending) => {
    const engines = await openEngines(world.environment, temporary);
    const warning = warnOfMissingGpgv(policy, engines);
    if (warning !== undefined) world.stderr.write(`lookaside: warning: ${warning}\n`);
    ending.addEventListener('abort', () => void engines.close());
    const { openMessage } = engines;
    const judge = createJudge({ policy, openMessage, expiryWarning: settings['expiry-warning'] });
    const pass: Pass = { location, settings, world, policy, engines, judge, ending };
    try {
      return kept === undefined
        ? await checkIn(temporary, pass)
        : await checkKept(kept, temporary, pass);
    } finally {
      await engines.close();
    }
  });
}

/** What is kept must never fail a run that would do without it. */
async function checkKept(kept: string, temporary: string, pass: Pass): Promise<Checked> {
  try {
    return await checkIn(kept, pass, true);
  } catch (error) {
    if (pass.ending.aborted) throw error;
    const checked = await checkIn(temporary, pass);
    // The source is good, so what was kept is not, or cannot be written; another run may have it.
    if (!(error instanceof DirectoryInUseError)) await removeIfCan(kept);
    return checked;
  }
}

async function removeIfCan(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true }).catch(() => undefined);
}

async function checkIn(stateDirectory: string, pass: Pass, isKept = false): Promise<Checked> {
  const { location, settings, world, ending } = pass;
  const { environment } = world;
  const source = await openSource(
    location,
    settings,
    stateDirectory,
    environment,
    ending,
    BLOCKING_CALLS,
  );
  try {
    return await checkSource(source, pass, isKept ? stateDirectory : undefined);
  } finally {
    await source.close();
  }
}

async function checkSource(source: Source, pass: Pass, kept: string | undefined): Promise<Checked> {
  const { policy, world } = pass;
  const snapshot = await source.refresh();
  const progress = showProgress(snapshot, world.stderr);
  try {
    const store =
      kept === undefined
        ? await loadStore(snapshot, pass.judge, new Date(), progress.step)
        : await goOn(source, snapshot, pass, kept, progress.step);
    const { commit } = snapshot;
    const { kind, location } = source;
    return {
      source: { kind, location, ...(commit !== undefined && { commit }) },
      keys: policy.keyring?.keys ?? [],
      store,
    };
  } finally {
    progress.stop();
    await snapshot.close();
  }
}

/** From what the run before has kept, and keeps what the next one may go on from. */
async function goOn(
  source: Source,
  snapshot: Snapshot,
  { policy, engines, judge, settings, world }: Pass,
  kept: string,
  onChecked: () => void,
): Promise<SignatureStore> {
  const now = new Date();
  const expiryWarning = settings['expiry-warning'];
  const made = `${engines.id}, OpenSSL ${world.openssl}, warning ${expiryWarning}`;
  const path = stateFile(kept, source.location, 'image');
  const { restore, keep } = createStoreMemory({
    path,
    writer: createImageWriter(path, () => undefined),
    judge,
    policy,
    verdictTerms: createVerdictTerms(policy, createVerdictIds(policy, made)),
    expiryWarning,
    onUnused: () => undefined,
  });
  const store =
    (await restore(snapshot, now, onChecked)) ?? (await loadStore(snapshot, judge, now, onChecked));
  await keep(store, snapshot, 0);
  // A clone that is not noted grows: git packs nothing in it.
  await source.keep(snapshot).catch(() => undefined);
  return store;
}
