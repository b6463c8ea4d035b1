// `lookaside push PATH… --to REPO`: what skopeo and podman left behind goes to the signature repository.
import { formatBytes, toPrintable } from '../../generator/terms/text.ts';
import type { CandidateFile } from '../../signing/gather/candidate.ts';
import { clearStaging } from '../../signing/gather/clear-staging.ts';
import { gatherFiles } from '../../signing/gather/gather.ts';
import {
  type PushReport,
  type PushedSignature,
  isInRepository,
} from '../../signing/push/push-report.ts';
import type { SignatureRepository } from '../../signing/target/signature-repository.ts';
import { type ProcessIo, write } from '../base/process-io.ts';
import type { Settings } from '../base/options.ts';
import { Progress } from '../check/progress.ts';
import { type OpenTarget, openTarget } from '../inputs/open-target.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { type PushResult, formatOutcome } from './format-push.ts';
import { handOver, tryHandOver } from './hand-over.ts';
import { type PushOptions, readPushOptions } from './push-options.ts';
import { findRuleGiver } from './rule-giver.ts';
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
  const served = await waitIfAsked(run, report);
  const giver = findRuleGiver(target);
  const outcome: PushResult = { report, giver, isTried, ...(served !== undefined && { served }) };
  await tellCost(target.repository, io);
  // Whatever fails from here on, people know what was pushed.
  await write(io.stdout, formatOutcome(outcome, settings, io));
  if (settings.clear) await clearPushed(candidates, report, settings, io);
  if (served instanceof Error) throw served;
  const hasRefused = report.signatures.some(({ status }) => status === 'refused');
  return hasRefused || report.refused ? 1 : 0;
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
async function tryIfDry(run: PushRun, { signatures, refused }: PushReport): Promise<boolean> {
  if (!run.settings['dry-run'] || refused) return false;
  if (!signatures.some(({ status }) => status === 'would-be-new')) return false;
  const obstacle = await tryHandOver(run);
  if (obstacle) throw obstacle.error;
  return true;
}

/** Removes what the repository has, and tells what stays where it is, and why. */
async function clearPushed(
  candidates: readonly CandidateFile[],
  { signatures, isHeldBack }: PushReport,
  settings: Settings,
  { stderr }: ProcessIo,
): Promise<void> {
  if (settings['dry-run']) return;
  const fates = candidates.map((candidate, index) => {
    const reason = isHeldBack ? REFUSED : whyKept(candidate, signatures[index]);
    return { candidate, reason };
  });
  await clearStaging(fates.filter(({ reason }) => !reason).map(({ candidate }) => candidate));
  for (const why of KEPT) {
    const kept = fates.filter(({ reason }) => reason === why);
    const [first] = kept;
    if (!first) continue;
    const more = kept.length > 1 ? ` and ${kept.length - 1} more` : '';
    stderr.write(
      `lookaside: note: --clear leaves ${toPrintable(first.candidate.file)}${more}: ${why}\n`,
    );
  }
}

const REFUSED = 'nothing is removed while a signature is refused';
const REPEATED =
  'the repository has other bytes that say the same by the same signer, so remove it by hand';
const PROPOSED = 'it is proposed, and not merged yet';
const COPIED = 'it belongs to the copy of an image';
const KEPT = [REFUSED, REPEATED, PROPOSED, COPIED] as const;

/** Why --clear leaves a file; what is refused itself is told already. */
function whyKept(
  { staging }: CandidateFile,
  pushed: PushedSignature | undefined,
): (typeof KEPT)[number] | 'refused' | undefined {
  if (!pushed || pushed.status === 'refused') return 'refused';
  if (pushed.status === 'proposed') return PROPOSED;
  if (!isInRepository(pushed)) return REPEATED;
  return staging === undefined ? COPIED : undefined;
}

async function waitIfAsked(
  { options, settings, target, candidates, ending }: PushRun,
  report: PushReport,
): Promise<number | Error | undefined> {
  if (options.store === undefined) return undefined;
  const awaited = candidates.flatMap(({ bytes }, index) => {
    const pushed = report.signatures[index];
    return isInRepository(pushed)
      ? [{ path: pushed.path, bytes, signature: pushed.signature }]
      : [];
  });
  if (awaited.length === 0) return undefined;
  const { timeout } = settings;
  const { subtree } = await target.readRule();
  return waitForStore(awaited, { store: options.store, subtree, timeout, ending });
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
