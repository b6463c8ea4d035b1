// What lies between two commits, judged: for `check --base`, and for the hook of a git server.
import { join } from 'node:path';
import { createJudge } from '../../generator/gate/release-judge.ts';
import { type ScopeKeyFault, listKeyFaults } from '../../generator/policy/key-faults.ts';
import { type Policy, createSimplePolicy } from '../../generator/policy/policy.ts';
import { type LocalRepository, TooLargeError } from '../../generator/proposal/local-repository.ts';
import { ConcernedPlaces } from '../../generator/proposal/concerned-places.ts';
import {
  MOST_EXCLUDED,
  ProposalReview,
  type ReviewedProposal,
} from '../../generator/proposal/proposal-review.ts';
import {
  findKeyEnds,
  findNewKeys,
  findWithdrawnKeys,
} from '../../generator/proposal/key-changes.ts';
import { StateRefusedError } from '../../generator/sources/source.ts';
import { type CheckReport, type ReportedFile, sortByPath } from '../../generator/store/report.ts';
import { EMPTY, type Summary } from '../../generator/store/store-directory.ts';
import type { Budgets } from '../../generator/terms/budgets.ts';
import { type Loss, toLoss } from '../../generator/terms/loss.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-address.ts';
import { TipTree } from '../../generator/sources/git/objects/tip-tree.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import type { Engines } from '../inputs/open-engines.ts';
import { readTreeRule } from '../inputs/open-target.ts';
import type { TreeRule } from '../inputs/target-rules.ts';
import { readPolicy } from '../inputs/read-policy.ts';
import { reportKeys } from './check-source.ts';

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

/** What is proposed has rules that nobody can use: a fault of the data like any other. */
export class UnusableRulesError extends UsageError {}

/** By what one of the two commits is served. */
interface Rules {
  readonly policy: Policy;
  /** What is published: '' or a path without slashes at its ends. */
  readonly subtree: string;
  readonly budgets: Budgets;
}

/** Those before and after. */
interface RulesOfRange {
  readonly from: Rules;
  readonly to: Rules;
  /** What was accepted before; unlike `from`, nothing where there were no rules that could be used. */
  readonly accepted: Policy;
}

/** In place of those that were not looked at. */
const MANY_EXCLUDED = toLoss(
  'signature-excluded',
  REPOSITORY_CONFIG,
  `expected rules that keep what was good, got rules that exclude ${MOST_EXCLUDED} signatures and perhaps more: the rest was not looked at`,
);

/** What a review has found. */
export interface RangeReport {
  readonly report: CheckReport;
  /** What is published after: '' or a path without slashes at its ends. */
  readonly subtree: string;
}

/**
 * The report on a range. What is pushed brings its rules along, in its own configuration, unless the
 * settings of this run have keys.
 * @throws UnusableRulesError where the new state has such; SourceError.
 */
export async function reviewRange(range: CommitRange, tools: ReviewTools): Promise<RangeReport> {
  const { location, settings } = tools;
  const rules = await readRules(range, tools);
  const { from, to } = rules;
  const { subtree } = to;
  const newKeys = findNewKeys(rules.accepted, to.policy, new Date());
  const about = {
    source: { kind: 'git', location, commit: range.to },
    ...findKeyFaults(rules, range, settings['expiry-warning']),
    base: range.from ?? null,
    ...(newKeys.length > 0 && { newKeys }),
  } as const;
  try {
    const { files, losses, isCut } = await review(range, rules, tools);
    const withdrawn = findWithdrawnKeys(from.policy, to.policy, REPOSITORY_CONFIG);
    // What tells why they are lost comes first.
    const all = [...withdrawn, ...(isCut ? [MANY_EXCLUDED] : []), ...sortLosses(losses)];
    const isAllowed = settings['allow-removals'];
    const report = {
      ...reportKeys(to.policy, signersOf(files)),
      ...about,
      summary: summarize(files),
      files: sortByPath(files),
      losses: isAllowed ? all.map((loss) => ({ ...loss, isAllowed }) as const) : all,
    };
    return { report, subtree };
  } catch (error) {
    if (!(error instanceof StateRefusedError)) throw error;
    const { message, hint = '' } = error;
    const refused = { code: 'state-refused', message, hint } as const;
    return {
      report: { ...reportKeys(to.policy), ...about, ...NOTHING_JUDGED, refused },
      subtree,
    };
  }
}

const NOTHING_JUDGED = { summary: EMPTY, files: [], losses: [] };

/** The keys that made the signatures of a proposal: of those that were there before nothing is known here. */
function signersOf(files: readonly ReportedFile[]) {
  const signers = new Set(
    files.flatMap((file) => (file.status === 'accepted' ? (file.signer?.fingerprint ?? []) : [])),
  );
  return { hasSigned: (fingerprint: string): boolean => signers.has(fingerprint) };
}

/** What cannot be used of the keys that apply after; what was so before is no fault of what is pushed. */
function findKeyFaults(
  { from, to }: RulesOfRange,
  range: CommitRange,
  expiryWarning: number,
): Pick<CheckReport, 'keyFaults'> {
  if (from.policy === to.policy) return {};
  const ends = findKeyEnds(from.policy, to.policy, new Date(), expiryWarning);
  const after = listKeyFaults(to.policy);
  if (after.length + ends.length === 0) return {};
  // Both name the commit that they were read from.
  const nameless = ({ message }: ScopeKeyFault): string =>
    [range.from ?? '', range.to].reduce(
      (text, commit) => text.replaceAll(`${commit}: `, ''),
      message,
    );
  const before = new Set(listKeyFaults(from.policy).map(nameless));
  const isKnown = (fault: ScopeKeyFault): boolean => before.has(nameless(fault));
  return {
    keyFaults: [...after.map((fault) => (isKnown(fault) ? toKnown(fault) : fault)), ...ends],
  };
}

function toKnown(fault: ScopeKeyFault): ScopeKeyFault {
  return { ...fault, isKnown: true };
}

async function review(
  range: CommitRange,
  { from, to }: RulesOfRange,
  { repository, settings, engines }: ReviewTools,
): Promise<ReviewedProposal> {
  const [before, after] = await Promise.all([
    range.from === undefined ? undefined : repository.treeAt(range.from, from.subtree),
    repository.treeAt(range.to, to.subtree),
  ]);
  const toJudge = ({ policy, budgets }: Rules) =>
    createJudge({
      policy,
      openMessage: engines.openMessage,
      expiryWarning: settings['expiry-warning'],
      paths: budgets,
    });
  const now = new Date();
  const judge = toJudge(to);
  const hasSameLimits = JSON.stringify(from.budgets) === JSON.stringify(to.budgets);
  const isSame = hasSameLimits && idOf(from.policy) === idOf(to.policy);
  const findConcerned = async (old: Policy, other: Policy): Promise<ConcernedPlaces> => {
    if (!hasSameLimits) return ConcernedPlaces.everywhere;
    // What was removed is told all the same: it has changed.
    if (settings['allow-removals']) return ConcernedPlaces.nowhere;
    return ConcernedPlaces.between(old, other, now);
  };
  return new ProposalReview({
    objects: repository.objects,
    from: { tree: before, judge: isSame ? judge : toJudge(from), subtree: from.subtree },
    to: { tree: after, judge, subtree: to.subtree },
    budgets: toBudgets(settings),
    stateBudgets: to.budgets,
    concerned: await findConcerned(from.policy, to.policy),
    // What is good by the new rules and was not by the old ones.
    gaining: await findConcerned(to.policy, from.policy),
    now,
  }).review();
}

/** Changes with anything that a policy asks for. */
function idOf({ id, isConfigured }: Policy): string {
  return JSON.stringify([id, isConfigured]);
}

async function readRules({ from, to }: CommitRange, tools: ReviewTools): Promise<RulesOfRange> {
  const { keys, scopes, policy, path } = tools.settings;
  if (keys.length > 0 || scopes !== undefined || policy !== undefined) {
    const own = await readPolicy(tools.settings);
    const rules = { policy: own, subtree: path, budgets: toBudgets(tools.settings) };
    return { from: rules, to: rules, accepted: own };
  }
  const now = await readNewRule(to, tools);
  const before = from === undefined ? undefined : await readOldRule(from, tools);
  const after = now?.policy ?? (await createSimplePolicy(undefined));
  const toRules = (rule: TreeRule | undefined): Rules => ({
    policy: rule?.policy ?? after,
    subtree: path === '' ? (rule?.settings.path ?? '') : path,
    budgets: tighten(toBudgets(tools.settings), rule && toBudgets(rule.settings)),
  });
  const old = before === 'unusable' ? undefined : before;
  return {
    from: toRules(before === 'unusable' ? now : before),
    to: toRules(now),
    accepted: old?.policy ?? (await createSimplePolicy(undefined)),
  };
}

/** What is pushed may cost no more than this run allows, and is served within its own limits. */
function tighten(own: Budgets, told: Budgets | undefined): Budgets {
  if (!told) return own;
  return {
    ...own,
    pathDepth: Math.min(own.pathDepth, told.pathDepth),
    pathLength: Math.min(own.pathLength, told.pathLength),
    entries: Math.min(own.entries, told.entries),
    pathBytes: Math.min(own.pathBytes, told.pathBytes),
  };
}

async function readNewRule(commit: string, tools: ReviewTools): Promise<TreeRule | undefined> {
  try {
    return await readRule(commit, tools);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof TooLargeError)) throw error;
    throw new UnusableRulesError(error.message, error.hint, { cause: error });
  }
}

/** Rules that nobody could use protected nothing. What only cannot be read now is an error. */
async function readOldRule(
  commit: string,
  tools: ReviewTools,
): Promise<TreeRule | 'unusable' | undefined> {
  try {
    return await readRule(commit, tools);
  } catch (error) {
    if (error instanceof UsageError || error instanceof TooLargeError) return 'unusable';
    throw error;
  }
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
