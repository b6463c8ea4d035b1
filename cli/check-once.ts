import { rm } from 'node:fs/promises';
import { DirectoryInUseError } from '../generator/directory-lock.ts';
import { createImageWriter } from '../generator/image/image-writer.ts';
import { createStoreMemory } from '../generator/image/store-memory.ts';
import { type Judge, createJudge } from '../generator/judge.ts';
import { loadStore } from '../generator/load-store.ts';
import type { Policy } from '../generator/policy/policy.ts';
import { type CheckReport, type ReportedFile, sortByPath } from '../generator/report.ts';
import { createDirectoryPass } from '../generator/sources/directory-pass.ts';
import type { Pass, ReadableSource, Snapshot, Source } from '../generator/sources/source.ts';
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

/** What a run works with. */
interface Run {
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
    const run: Run = { location, settings, world, policy, engines, judge, ending };
    try {
      return kept === undefined
        ? await checkIn(temporary, run)
        : await checkKept(kept, temporary, run);
    } finally {
      await engines.close();
    }
  });
}

/** What is kept must never fail a run that would do without it. */
async function checkKept(kept: string, temporary: string, run: Run): Promise<Checked> {
  try {
    return await checkIn(kept, run, true);
  } catch (error) {
    if (run.ending.aborted) throw error;
    const checked = await checkIn(temporary, run);
    // The source is good, so what was kept is not, or cannot be written; another run may have it.
    if (!(error instanceof DirectoryInUseError)) await removeIfCan(kept);
    return checked;
  }
}

async function removeIfCan(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true }).catch(() => undefined);
}

async function checkIn(stateDirectory: string, run: Run, isKept = false): Promise<Checked> {
  const { location, settings, world, ending } = run;
  const { environment } = world;
  const source = await openSource(
    location,
    settings,
    stateDirectory,
    environment,
    ending,
    createDirectoryPass,
  );
  try {
    return await checkSource(source, run, isKept ? stateDirectory : undefined);
  } finally {
    await source.close();
  }
}

async function checkSource(
  source: ReadableSource | Source,
  run: Run,
  kept: string | undefined,
): Promise<Checked> {
  const { pass, load } = await openPass(source, run, kept);
  const progress = showProgress(pass, run.world.stderr);
  try {
    const store = await load(progress.step);
    const { commit } = pass;
    const { kind, location } = source;
    return {
      source: { kind, location, ...(commit !== undefined && { commit }) },
      keys: run.policy.keyring?.keys ?? [],
      store,
    };
  } finally {
    progress.stop();
    await pass.close();
  }
}

interface OpenPass {
  readonly pass: Pass;
  readonly load: (onChecked: () => void) => Promise<SignatureStore>;
}

async function openPass(
  source: ReadableSource | Source,
  run: Run,
  kept: string | undefined,
): Promise<OpenPass> {
  if (kept !== undefined && canBeFollowed(source)) {
    const pass = await source.refresh();
    return { pass, load: async (onChecked) => goOn(source, pass, run, kept, onChecked) };
  }
  const pass = await source.refresh();
  return { pass, load: async (onChecked) => loadStore(pass, run.judge, new Date(), onChecked) };
}

function canBeFollowed(source: ReadableSource | Source): source is Source {
  return 'keep' in source;
}

/** From what the run before has kept, and keeps what the next one may go on from. */
async function goOn(
  source: Source,
  snapshot: Snapshot,
  { policy, engines, judge, settings, world }: Run,
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
