// `lookaside hook pre-receive`: judges what a push brings, before it is in the repository. Whatever keeps
// it from a verdict refuses the push.
import { text } from 'node:stream/consumers';
import { LocalRepository } from '../generator/proposal/local-repository.ts';
import { SourceError } from '../generator/sources/source.ts';
import { asSentence, toPrintable } from '../generator/terms/text.ts';
import { findHookRepository, findLinePrefix } from '../signing/hook/hook-repository.ts';
import { type PlannedReview, parseRefUpdates, planReviews } from '../signing/hook/ref-updates.ts';
import { toBudgets } from './base/budget-options.ts';
import type { Settings } from './base/options.ts';
import { type ProcessIo, write } from './base/process-io.ts';
import { UsageError, formatUsageError } from './base/usage-error.ts';
import {
  NO_KEYS,
  formatFinding,
  formatSummary,
  hasFaults,
  listAddedKeys,
  listFindings,
  listKeyFindings,
} from './check/findings.ts';
import { reviewRange } from './check/review-range.ts';
import { openEngines } from './inputs/open-engines.ts';
import { withTemporaryState } from './inputs/open-source.ts';

/** Faults that a pusher is told of, one by one. */
const SHOWN = 20;

/** What is said of one branch. */
interface Verdict {
  readonly isGood: boolean;
  readonly lines: readonly string[];
}

/** Settles with the exit code: git refuses the push unless it is 0. */
export async function hook(name: string, settings: Settings, io: ProcessIo): Promise<number> {
  if (name !== 'pre-receive') {
    throw new UsageError(
      `expected the hook pre-receive, got ${JSON.stringify(name)}`,
      'the hook of git is pre-receive: call `lookaside hook pre-receive` in it',
    );
  }
  const mark = findLinePrefix(io.environment);
  const say = async (lines: readonly string[], prefix: string): Promise<void> =>
    write(io.stdout, lines.map((line) => `${prefix}${line}\n`).join(''));
  try {
    const verdicts = await judgePush(settings, io).catch((error: unknown) => {
      throw explainPlace(error);
    });
    const isGood = verdicts.every((verdict) => verdict.isGood);
    const lines = verdicts.flatMap((verdict) => verdict.lines);
    await say(lines, isGood ? '' : mark);
    return isGood ? 0 : 1;
  } catch (error) {
    // Where only marked lines reach the pusher, this one has to be marked as well.
    if (mark === '') throw error;
    await say(formatUsageError(error).trimEnd().split('\n'), mark);
    return 2;
  }
}

/** Whoever tries the hook by hand is told where it belongs. */
function explainPlace(error: unknown): unknown {
  if (!(error instanceof SourceError) || !/: not a git repository/.test(error.message))
    return error;
  const hint =
    'run it in the repository on the git server, as its hooks/pre-receive does, or name that in GIT_DIR';
  return new SourceError(error.message, { hint, cause: error });
}

async function judgePush(settings: Settings, io: ProcessIo): Promise<readonly Verdict[]> {
  const updates = parseRefUpdates(await text(io.stdin));
  return withTemporaryState(io.signals, async (temporary, ending) => {
    const { directory, environment } = findHookRepository(io.environment, '.');
    const repository = new LocalRepository(directory, environment, ending);
    const engines = await openEngines(io.environment, temporary, toBudgets(settings));
    try {
      const plans = await planReviews(updates, repository, {
        branch: settings.branch,
        isForAll: settings['all-branches'],
      });
      const judge = async (plan: PlannedReview): Promise<Verdict> =>
        plan.kind === 'deletion'
          ? judgeDeletion(plan.branch, settings)
          : judgeBranch(plan, settings, async () =>
              reviewRange(plan, { repository, location: directory, settings, engines, temporary }),
            );
      const verdicts: Verdict[] = [];
      for (const plan of plans) verdicts.push(await judge(plan));
      return verdicts;
    } finally {
      await Promise.all([engines.close(), repository.close()]);
    }
  });
}

function judgeDeletion(branch: string, settings: Settings): Verdict {
  if (settings['allow-removals']) return { isGood: true, lines: [] };
  const line = `lookaside: ${toPrintable(branch)}: refused: the branch that is published may not be deleted`;
  return { isGood: false, lines: [line] };
}

async function judgeBranch(
  { branch }: Extract<PlannedReview, { kind: 'review' }>,
  { strict }: Settings,
  review: () => ReturnType<typeof reviewRange>,
): Promise<Verdict> {
  const head = `lookaside: ${toPrintable(branch)}:`;
  try {
    const { report, subtree: prefix } = await review();
    const isGood = !hasFaults(report, strict);
    const faults = listFindings(report, { strict, prefix }).filter(
      ({ level }) => level === 'error',
    );
    const shown = faults.slice(0, SHOWN).map((finding) => {
      const { path, code } = finding;
      return `  ${toPrintable(path)}: ${code}: ${formatFinding(finding)}`;
    });
    for (const { code, level, message, hint } of listKeyFindings(report, strict)) {
      shown.push(
        `  ${level === 'error' ? '' : 'warning: '}${code}: ${message}. ${asSentence(hint)}`,
      );
    }
    const { refused } = report;
    if (refused)
      shown.push(`  ${refused.code}: ${toPrintable(refused.message)}. ${asSentence(refused.hint)}`);
    if (faults.length > SHOWN) shown.push(`  and ${faults.length - SHOWN} more`);
    const warning = report.signersUnchecked ? [`${head} warning: ${NO_KEYS}`] : [];
    const summary = `${head} ${formatSummary(report, strict)}`;
    const notes = listAddedKeys(report)
      .slice(0, SHOWN)
      .map((sentence) => `${head} ${sentence}`);
    return { isGood, lines: [...warning, ...notes, summary, ...shown] };
  } catch (error) {
    // Rules that cannot be read are as much of a fault as a bad signature.
    if (!(error instanceof UsageError)) throw error;
    const lines = formatUsageError(error).trimEnd().split('\n');
    return { isGood: false, lines: [`${head} refused`, ...lines.map((line) => `  ${line}`)] };
  }
}
