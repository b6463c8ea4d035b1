import { createDirectoryPass } from '../generator/sources/directory-pass.ts';
import type { ReadableSource } from '../generator/sources/source.ts';
import { loadStore } from '../generator/load-store.ts';
import { type Judge, createJudge } from '../generator/judge.ts';
import { type CheckReport, sortByPath } from '../generator/report.ts';
import type { Policy } from '../generator/policy/policy.ts';
import type { SignatureStore } from '../generator/store.ts';
import { formatReport } from './format-report.ts';
import { hasFaults } from './findings.ts';
import { openEngines, warnOfMissingGpgv } from './open-engines.ts';
import { openSource, withTemporaryState } from './open-source.ts';
import type { Settings } from './options.ts';
import { showProgress } from './progress.ts';
import { readPolicy } from './read-policy.ts';
import type { World } from './world.ts';
import { write } from './write.ts';

/** What one pass over a source found. */
export interface Checked {
  readonly commit: string | undefined;
  readonly store: SignatureStore;
  readonly report: CheckReport;
}

/** `lookaside check SOURCE`. */
export async function check(source: string, settings: Settings, world: World): Promise<number> {
  const { report } = await checkOnce(source, settings, world);
  await write(world.stdout, formatReport(report, source, settings, world));
  return hasFaults(report, settings.strict) ? 1 : 0;
}

/** Checks every file of a source, once. */
export async function checkOnce(
  location: string,
  settings: Settings,
  world: World,
): Promise<Checked> {
  const policy = await readPolicy(settings);
  return withTemporaryState(world.signals, async (stateDirectory, ending) => {
    const engines = await openEngines(world.environment, stateDirectory);
    const warning = warnOfMissingGpgv(policy, engines);
    if (warning !== undefined) world.stderr.write(`lookaside: warning: ${warning}\n`);
    ending.addEventListener('abort', () => void engines.close());
    const { openMessage } = engines;
    const judge = createJudge({ policy, openMessage, expiryWarning: settings['expiry-warning'] });
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
      return await checkSource(source, policy, judge, world);
    } finally {
      await source.close();
      await engines.close();
    }
  });
}

async function checkSource(
  source: ReadableSource,
  policy: Policy,
  judge: Judge,
  world: World,
): Promise<Checked> {
  const snapshot = await source.refresh();
  const progress = showProgress(snapshot, world.stderr);
  try {
    const store = await loadStore(snapshot, judge, new Date(), progress.step);
    const { commit } = snapshot;
    const report: CheckReport = {
      source: { kind: source.kind, location: source.location, ...(commit && { commit }) },
      keys: policy.keyring?.keys ?? [],
      summary: store.summary,
      files: sortByPath(store.files()),
    };
    return { commit, store, report };
  } finally {
    progress.stop();
    await snapshot.close();
  }
}
