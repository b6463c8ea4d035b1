import { rm } from 'node:fs/promises';
import { createJudge } from '../../generator/gate/release-judge.ts';
import { type Policy, requirementsByScope } from '../../generator/policy/policy.ts';
import { warnOfPolicy } from '../../generator/policy/unmatched-scope.ts';
import { createDirectoryPass } from '../../generator/sources/directory/directory-pass.ts';
import {
  type HistoryChange,
  type ReadableSource,
  type Source,
  StateRefusedError,
} from '../../generator/sources/source.ts';
import { type CheckReport, type ReportedFile, sortByPath } from '../../generator/store/report.ts';
import { DirectoryInUseError } from '../../generator/system/directory-lock.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { openEngines, warnOfKeys } from '../inputs/open-engines.ts';
import { openSource, withTemporaryState } from '../inputs/open-source.ts';
import { readPolicy } from '../inputs/read-policy.ts';
import { findUnreadKeyFiles } from '../inputs/unread-key-files.ts';
import { type Checked, type Run, canBeFollowed, checkSource } from './check-source.ts';

/** What is to be told: of all files, or of some of them. */
export function reportOn({ store, ...told }: Checked, files: Iterable<ReportedFile>): CheckReport {
  return { ...told, summary: store.summary, files: sortByPath(files) };
}

/** What was checked, while its source is open. */
export interface OpenChecked extends Checked {
  readonly policy: Policy;
  /** What last changed a path, up to what was checked; undefined where there is no history. */
  readonly lastChange: (path: string) => Promise<HistoryChange | undefined>;
}

/**
 * Checks every file of a source, once. With a directory that is `kept` between runs, a run goes on
 * from what the one before knew; whatever is wrong with it costs only that.
 */
export async function checkOnce(
  location: string,
  settings: Settings,
  io: ProcessIo,
  kept?: string,
): Promise<Checked> {
  return withRun(location, settings, io, async (temporary, run) =>
    kept === undefined ? checkIn(temporary, run) : checkKept(kept, temporary, run),
  );
}

/** Checks every file of a source, once, and closes it only when what was found has been used. */
export async function withChecked<Result>(
  location: string,
  settings: Settings,
  io: ProcessIo,
  use: (checked: OpenChecked) => Promise<Result>,
): Promise<Result> {
  return withRun(location, settings, io, async (temporary, run) =>
    withSource(temporary, run, async (source) => {
      const checked = await checkSource(source, run, undefined);
      const { commit } = checked.source;
      const hasHistory = commit !== undefined && canBeFollowed(source);
      return use({
        ...checked,
        policy: run.policy,
        lastChange: async (path) => (hasHistory ? source.lastChange(commit, path) : undefined),
      });
    }),
  );
}

async function withRun<Result>(
  location: string,
  settings: Settings,
  io: ProcessIo,
  action: (temporary: string, run: Run) => Promise<Result>,
): Promise<Result> {
  const policy = await readPolicy(settings);
  for (const warning of await findUnreadKeyFiles(settings)) {
    io.stderr.write(`lookaside: warning: ${warning}\n`);
  }
  return withTemporaryState(io.signals, async (temporary, ending) => {
    const engines = await openEngines(io.environment, temporary, toBudgets(settings));
    for (const warning of [
      warnOfKeys(policy, engines),
      warnOfPolicy(requirementsByScope(policy)),
    ].flat()) {
      io.stderr.write(`lookaside: warning: ${toPrintable(warning)}\n`);
    }
    ending.addEventListener('abort', () => void engines.close());
    const { openMessage } = engines;
    const judge = createJudge({
      policy,
      openMessage,
      expiryWarning: settings['expiry-warning'],
      paths: toBudgets(settings),
    });
    try {
      return await action(temporary, { location, settings, io, policy, engines, judge, ending });
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
    // What is refused would be refused again, and says nothing against what was kept.
    if (run.ending.aborted || error instanceof StateRefusedError) throw error;
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
  return withSource(stateDirectory, run, async (source) =>
    checkSource(source, run, isKept ? stateDirectory : undefined),
  );
}

async function withSource<Result>(
  stateDirectory: string,
  { location, settings, io, ending }: Run,
  use: (source: ReadableSource | Source) => Promise<Result>,
): Promise<Result> {
  const source = await openSource(
    location,
    settings,
    stateDirectory,
    io.environment,
    ending,
    createDirectoryPass,
  );
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}
