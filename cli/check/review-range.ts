// What lies between two commits, judged: for `check --base`, and for the hook of a git server.
import { join } from 'node:path';
import { PolicyJudge } from '../../generator/gate/judge.ts';
import { type Policy, createSimplePolicy } from '../../generator/policy/policy.ts';
import type { LocalRepository } from '../../generator/proposal/local-repository.ts';
import { ProposalReview, type ReviewedProposal } from '../../generator/proposal/proposal-review.ts';
import { describeNewKeys, findWithdrawnKeys } from '../../generator/proposal/key-changes.ts';
import { StateRefusedError } from '../../generator/sources/source.ts';
import { type CheckReport, type ReportedFile, sortByPath } from '../../generator/store/report.ts';
import { EMPTY, type Summary } from '../../generator/store/store-directory.ts';
import type { Loss } from '../../generator/terms/loss.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-config.ts';
import { TipTree } from '../../signing/target/tip-tree.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { Engines } from '../inputs/open-engines.ts';
import { readTreeRule } from '../inputs/open-target.ts';
import type { TreeRule } from '../inputs/target-rules.ts';
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
  /** A directory for what is read on the way. */
  readonly temporary: string;
}

/** The rules before and after. */
interface Rules {
  readonly from: Policy;
  readonly to: Policy;
  readonly subtree: string;
}

/** What a review has found. */
export interface RangeReport {
  readonly report: CheckReport;
  /** Sentences about keys that are accepted from now on. */
  readonly newKeys: readonly string[];
  /** What is published after: '' or a path without slashes at its ends. */
  readonly subtree: string;
}

/**
 * The report on a range. What is pushed brings its rules along, in its own configuration, unless the
 * settings of this run have keys.
 * @throws UsageError where the new state has rules that cannot be read; SourceError.
 */
export async function reviewRange(range: CommitRange, tools: ReviewTools): Promise<RangeReport> {
  const { location, settings } = tools;
  const rules = await readRules(range, tools);
  const { subtree } = rules;
  const newKeys = describeNewKeys(rules.from, rules.to);
  const about = {
    source: { kind: 'git', location, commit: range.to },
    keys: rules.to.keyring?.keys ?? [],
    base: range.from ?? null,
  } as const;
  try {
    const { files, losses } = await review(range, rules, tools);
    const withdrawn = findWithdrawnKeys(rules.from, rules.to, REPOSITORY_CONFIG);
    const report = {
      ...about,
      summary: summarize(files),
      files: sortByPath(files),
      losses: settings['allow-removals'] ? [] : sortLosses([...withdrawn, ...losses]),
    };
    return { report, newKeys, subtree };
  } catch (error) {
    if (!(error instanceof StateRefusedError)) throw error;
    const { message, hint = '' } = error;
    const refused = { code: 'state-refused', message, hint } as const;
    return {
      report: { ...about, summary: EMPTY, files: [], losses: [], refused },
      newKeys,
      subtree,
    };
  }
}

async function review(
  range: CommitRange,
  rules: Rules,
  { repository, settings, engines }: ReviewTools,
): Promise<ReviewedProposal> {
  const budgets = toBudgets(settings);
  const [from, to] = await Promise.all([
    range.from === undefined ? undefined : repository.treeAt(range.from, rules.subtree),
    repository.treeAt(range.to, rules.subtree),
  ]);
  const toJudge = (policy: Policy) =>
    new PolicyJudge({
      policy,
      openMessage: engines.openMessage,
      expiryWarning: settings['expiry-warning'],
      paths: budgets,
    });
  return new ProposalReview({
    objects: repository.objects,
    from: { tree: from, judge: toJudge(rules.from) },
    to: { tree: to, judge: toJudge(rules.to) },
    prefix: rules.subtree,
    budgets,
    now: new Date(),
  }).review();
}

async function readRules({ from, to }: CommitRange, tools: ReviewTools): Promise<Rules> {
  const { keys, scopes, policy, path } = tools.settings;
  if (keys.length > 0 || scopes !== undefined || policy !== undefined) {
    const own = await readPolicy(tools.settings);
    return { from: own, to: own, subtree: path };
  }
  const now = await readRule(to, tools);
  // Rules that could not be read protected nothing.
  const before =
    from === undefined ? undefined : await readRule(from, tools).catch(() => undefined);
  const after = now?.policy ?? (await createSimplePolicy(undefined));
  return {
    from: before?.policy ?? after,
    to: after,
    subtree: path === '' ? (now?.settings.path ?? '') : path,
  };
}

async function readRule(commit: string, tools: ReviewTools): Promise<TreeRule | undefined> {
  const { repository, temporary } = tools;
  const tree = new TipTree(repository, await repository.treeAt(commit, ''));
  return readTreeRule(tree, join(temporary, commit), commit);
}

function summarize(files: readonly ReportedFile[]): Summary {
  const counts = { ...EMPTY };
  for (const { status } of files) counts[status] += 1;
  return counts;
}

function sortLosses(losses: readonly Loss[]): readonly Loss[] {
  return losses.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}
