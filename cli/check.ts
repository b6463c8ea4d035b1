import type { Source } from '../generator/sources/source.ts';
import { loadStore } from '../generator/load-store.ts';
import { createJudge } from '../generator/judge.ts';
import { type CheckReport, sortByPath } from '../generator/report.ts';
import type { Keyring } from '../generator/openpgp.ts';
import type { SignatureStore } from '../generator/store.ts';
import { formatText } from './format-text.ts';
import { openSource, withTemporaryState } from './open-source.ts';
import type { Settings } from './options.ts';
import { showProgress } from './progress.ts';
import { readKeys } from './read-keys.ts';
import type { World } from './world.ts';

/** What one pass over a source found. */
export interface Checked {
  readonly commit: string | undefined;
  readonly store: SignatureStore;
  readonly report: CheckReport;
}

/** `lookaside check SOURCE`. */
export async function check(source: string, settings: Settings, world: World): Promise<number> {
  const { report } = await checkOnce(source, settings, world);
  const output =
    settings.format === 'json'
      ? `${JSON.stringify(report, null, 2)}\n`
      : formatText(report, { colour: hasColour(world) });
  await write(world.stdout, output);
  return report.summary.rejected > 0 ? 1 : 0;
}

/** Checks every file of a source, once. */
export async function checkOnce(
  location: string,
  settings: Settings,
  world: World,
): Promise<Checked> {
  const keyring = await readKeys(settings.keys);
  return withTemporaryState(world.signals, async (stateDirectory, ending) => {
    const source = await openSource(location, settings, stateDirectory, world.environment, ending);
    try {
      return await checkSource(source, keyring, world);
    } finally {
      await source.close();
    }
  });
}

async function checkSource(
  source: Source,
  keyring: Keyring | undefined,
  world: World,
): Promise<Checked> {
  const snapshot = await source.refresh();
  const progress = showProgress(snapshot, world.stderr);
  try {
    const store = await loadStore(snapshot, createJudge(keyring), new Date(), progress.step);
    const { commit } = snapshot;
    const report: CheckReport = {
      source: { kind: source.kind, location: source.location, ...(commit && { commit }) },
      keys: keyring?.keys ?? [],
      summary: store.summary,
      files: sortByPath(store.files()),
    };
    return { commit, store, report };
  } finally {
    progress.stop();
    await snapshot.close();
  }
}

/** A pipe may take a long report in pieces; exiting before the last would lose it. */
async function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => {
      // A reader that has seen enough (`| head`) is no fault.
      if (error && !('code' in error && error.code === 'EPIPE')) reject(error);
      else resolve();
    });
  });
}

function hasColour({ stdout, environment }: World): boolean {
  return stdout.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}
