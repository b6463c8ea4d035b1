// `lookaside push PATH… --to REPO`: what skopeo and podman left behind goes to the signature repository.
import { formatBytes } from '../../generator/terms/text.ts';
import type { CandidateFile } from '../../signing/gather/candidate.ts';
import { clearStaging } from '../../signing/gather/clear-staging.ts';
import { gatherFiles } from '../../signing/gather/gather.ts';
import { type PushReport, isInRepository } from '../../signing/push/push-report.ts';
import type { SignatureRepository } from '../../signing/target/signature-repository.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import type { Settings } from '../base/options.ts';
import { Progress } from '../check/progress.ts';
import { type OpenTarget, openTarget } from '../inputs/open-target.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { type PushResult, formatOutcome } from './format-push.ts';
import { handOver, tryHandOver } from './hand-over.ts';
import { type PushOptions, readPushOptions } from './push-options.ts';
import { waitForStore } from './wait-for-store.ts';

/** One push. */
interface PushRun {
  readonly options: PushOptions;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly target: OpenTarget;
  readonly candidates: readonly CandidateFile[];
  readonly ending: AbortSignal;
}

/** 0 when all is in the repository, or proposed; 1 when something is refused. */
export async function push(
  paths: readonly string[],
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const options = readPushOptions(settings);
  const candidates = await gatherFiles(paths);
  return withTemporaryState(io.signals, async (directory, ending) => {
    const target = await openTarget(options.to, settings, io, directory, ending);
    try {
      return await pushTo({ options, settings, io, target, candidates, ending });
    } finally {
      await target.close();
    }
  });
}

async function pushTo(run: PushRun): Promise<number> {
  const { settings, io, target, candidates } = run;
  const report = await handOverAll(run);
  const isTried = await tryIfDry(run, report);
  const outcome = { ...(await waitIfAsked(run, report)), isTried };
  await tellCost(target.repository, io);
  // Whatever fails from here on, people know what was pushed.
  await write(io.stdout, formatOutcome(outcome, settings, io));
  if (settings.clear && !report.isHeldBack) await clearPushed(candidates, report);
  if (outcome.served instanceof Error) throw outcome.served;
  return report.signatures.some(({ status }) => status === 'refused') ? 1 : 0;
}

async function handOverAll({
  settings,
  io,
  target,
  candidates,
  ending,
}: PushRun): Promise<PushReport> {
  const progress = new Progress({ count: async () => candidates.length }, io);
  try {
    const choices = { keepsGoing: settings['keep-going'], onJudged: () => progress.step() };
    return await handOver(candidates, { target, settings, io, ending, ...choices });
  } finally {
    progress.stop();
  }
}

/** In a dry run, whether it was tried how far a push would come. */
async function tryIfDry(run: PushRun, { signatures }: PushReport): Promise<boolean> {
  if (!run.settings['dry-run']) return false;
  if (!signatures.some(({ status }) => status === 'would-be-new')) return false;
  const obstacle = await tryHandOver(run);
  if (obstacle) throw obstacle.error;
  return true;
}

/** What was pushed before somebody signed again under the same name stays where it is. */
async function clearPushed(
  candidates: readonly CandidateFile[],
  { signatures }: PushReport,
): Promise<void> {
  await clearStaging(candidates.filter((_, index) => isInRepository(signatures[index])));
}

async function waitIfAsked(
  { options, settings, target, candidates, ending }: PushRun,
  report: PushReport,
): Promise<PushResult> {
  if (options.store === undefined) return { report };
  const awaited = candidates.flatMap(({ bytes }, index) => {
    const pushed = report.signatures[index];
    return isInRepository(pushed) ? [{ path: pushed.path, bytes }] : [];
  });
  const { timeout } = settings;
  const { subtree } = await target.readRule();
  const served = await waitForStore(awaited, { store: options.store, subtree, timeout, ending });
  return { report, served };
}

/** A remote that leaves nothing out makes a push to a large repository slow: people may change that. */
async function tellCost(repository: SignatureRepository, { stderr }: ProcessIo): Promise<void> {
  const { supply, bytes, milliseconds } = await repository.cost();
  if (supply !== 'whole') return;
  const cost = `${formatBytes(bytes)} in ${(milliseconds / 1000).toFixed(1)} s`;
  stderr.write(
    `lookaside: note: ${repository.location} cannot send parts of a commit, so all its files were fetched: ${cost} (on the server: git config uploadpack.allowFilter true)\n`,
  );
}
