// What lies between two commits, judged: for `check --base`, and for the hook of a git server.
import { PolicyJudge } from '../../generator/gate/judge.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { LocalRepository } from '../../generator/proposal/local-repository.ts';
import { ProposalReview } from '../../generator/proposal/proposal-review.ts';
import { findWithdrawnKeys } from '../../generator/proposal/withdrawn-keys.ts';
import { StateRefusedError } from '../../generator/sources/source.ts';
import { type CheckReport, type ReportedFile, sortByPath } from '../../generator/store/report.ts';
import { EMPTY, type Summary } from '../../generator/store/store-directory.ts';
import type { Loss } from '../../generator/terms/loss.ts';
import { CONFIGURATION } from '../../signing/init/repository-files.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { Engines } from '../inputs/open-engines.ts';
import { readPolicy } from '../inputs/read-policy.ts';

/** Two commits in full; `from` is undefined where nothing was there before. */
export interface CommitRange {
  readonly from: string | undefined;
  readonly to: string;
}

/** What a review works with. */
export interface ReviewTools {
  readonly repository: LocalRepository;
  /** Of the repository, for people. */
  readonly location: string;
  readonly settings: Settings;
  readonly engines: Engines;
}

/** The rules before and after. */
interface Rules {
  readonly from: Policy;
  readonly to: Policy;
}

/**
 * The report on a range, by the rules of the settings.
 * @throws UsageError where they cannot be read; SourceError.
 */
export async function reviewRange(range: CommitRange, tools: ReviewTools): Promise<CheckReport> {
  const { repository, location, settings, engines } = tools;
  const { path: prefix } = settings;
  const rules = await readRules(settings);
  const budgets = toBudgets(settings);
  const [from, to] = await Promise.all([
    range.from === undefined ? undefined : repository.treeAt(range.from, prefix),
    repository.treeAt(range.to, prefix),
  ]);
  const toJudge = (policy: Policy) =>
    new PolicyJudge({
      policy,
      openMessage: engines.openMessage,
      expiryWarning: settings['expiry-warning'],
      paths: budgets,
    });
  const review = new ProposalReview({
    objects: repository.objects,
    from: { tree: from, judge: toJudge(rules.from) },
    to: { tree: to, judge: toJudge(rules.to) },
    prefix,
    budgets,
    now: new Date(),
  });
  const about = {
    source: { kind: 'git', location, commit: range.to },
    keys: rules.to.keyring?.keys ?? [],
    base: range.from ?? null,
  } as const;
  try {
    const { files, losses } = await review.review();
    const withdrawn = findWithdrawnKeys(rules.from, rules.to, CONFIGURATION);
    return {
      ...about,
      summary: summarize(files),
      files: sortByPath(files),
      losses: settings['allow-removals'] ? [] : sortLosses([...withdrawn, ...losses]),
    };
  } catch (error) {
    if (!(error instanceof StateRefusedError)) throw error;
    const { message, hint = '' } = error;
    const refused = { code: 'state-refused', message, hint } as const;
    return { ...about, summary: EMPTY, files: [], losses: [], refused };
  }
}

async function readRules(settings: Settings): Promise<Rules> {
  const own = await readPolicy(settings);
  return { from: own, to: own };
}

function summarize(files: readonly ReportedFile[]): Summary {
  const counts = { ...EMPTY };
  for (const { status } of files) counts[status] += 1;
  return counts;
}

function sortLosses(losses: readonly Loss[]): readonly Loss[] {
  return losses.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}
