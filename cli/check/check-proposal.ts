// `lookaside check SOURCE --base REV`: what the commit that is checked out adds to another one, and what
// it takes away. What is not committed is not looked at.
import { join, resolve } from 'node:path';
import { LocalRepository } from '../../generator/proposal/local-repository.ts';
import { SHORT_GIT } from '../../generator/sources/git/processes/git-child.ts';
import { gitEnvironment } from '../../generator/sources/git/processes/git-environment.ts';
import { saysOwnerDiffers } from '../../generator/sources/git/processes/git-error.ts';
import { ownerCure } from '../../generator/sources/git/processes/git-failures.ts';
import { ObjectMissingError } from '../../generator/sources/git/objects/cat-file.ts';
import { parseSource } from '../../generator/sources/parse-source.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { EMPTY } from '../../generator/store/store-directory.ts';
import { toComplaint } from '../../generator/system/output-tail.ts';
import { runProcess } from '../../generator/system/run-process.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { openEngines } from '../inputs/open-engines.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { type PublishedPlace, placeHints } from './place-hints.ts';
import {
  type CommitRange,
  type RangeReport,
  UnusableRulesError,
  reviewRange,
} from './review-range.ts';

/**
 * Reports on the proposal that is checked out in a repository on this machine.
 * @throws UsageError where there is none, or a revision is not here.
 */
export async function checkProposal(
  source: string,
  base: string,
  settings: Settings,
  io: ProcessIo,
): Promise<RangeReport> {
  return withTemporaryState(io.signals, async (temporary, ending) => {
    const environment = gitEnvironment(io.environment, undefined);
    const directory = await findGitDirectory(source, environment, ending);
    const repository = new LocalRepository(directory, environment, ending);
    const engines = await openEngines(io.environment, temporary, toBudgets(settings));
    try {
      const range = await findRange(repository, base);
      const tools = { repository, location: source, settings, engines, temporary };
      const { report, subtree } = await reviewRange(range, tools).catch((error: unknown) => {
        if (error instanceof UnusableRulesError) return reportUnusable(error, source, range);
        throw explainMissing(error, source);
      });
      const root = await findCheckout(source, environment, ending);
      return { report: placeHints(report, toPlace(root, subtree)), subtree };
    } finally {
      await Promise.all([engines.close(), repository.close()]);
    }
  });
}

async function findGitDirectory(
  source: string,
  environment: Readonly<Record<string, string>>,
  ending: AbortSignal,
): Promise<string> {
  const address = parseSource(source);
  const place = address.kind === 'directory' ? address.path : address.url;
  const hint = 'name a checkout, or a bare repository on this machine';
  const isElsewhere = !place.startsWith('/') && address.kind === 'git';
  if (isElsewhere || 'isBundle' in address) {
    throw new UsageError(`--base: expected a repository on this machine, got ${source}`, hint);
  }
  const found = await runProcess('git rev-parse', ['git', 'rev-parse', '--absolute-git-dir'], {
    environment,
    directory: place,
    limits: SHORT_GIT,
    ending,
  }).catch((cause: unknown) => {
    if (hintOf(cause) !== undefined) throw cause;
    throw new UsageError(`--base: cannot read ${source}: ${messageOf(cause)}`, hint, { cause });
  });
  if (found.exitCode === 0) return found.stdout.toString().trimEnd();
  throw new UsageError(
    `--base: cannot read ${source}: ${toComplaint(found.stderr)}`,
    saysOwnerDiffers(found.stderr) ? ownerCure(resolve(place), found.stderr) : hint,
  );
}

/** The way from the current directory to the root of a checkout; undefined for a bare repository. */
async function findCheckout(
  source: string,
  environment: Readonly<Record<string, string>>,
  ending: AbortSignal,
): Promise<string | undefined> {
  const ask = ['git', 'rev-parse', '--is-inside-work-tree', '--show-cdup'] as const;
  const found = await runProcess('git rev-parse', ask, {
    environment,
    directory: source,
    limits: SHORT_GIT,
    ending,
  });
  const [isInside, up = ''] = found.stdout.toString().split('\n');
  return isInside === 'true' ? join(source, up) : undefined;
}

function toPlace(root: string | undefined, subtree: string): PublishedPlace {
  return root === undefined
    ? { kind: 'in-checkout', directory: subtree }
    : { kind: 'here', directory: join(root, subtree) };
}

/** What git hosts and their pipelines call the commit before the first one. */
const NO_COMMIT = /^(?:0{40}|0{64})$/;
const CURE_SHALLOW =
  'fetch it first, with its history, which this clone was made without: `git fetch --unshallow`; in a workflow of GitHub or Gitea give actions/checkout `fetch-depth: 0`, in a pipeline of GitLab set `GIT_DEPTH: "0"`';

/** From where the proposal has left the branch that it goes to. */
async function findRange(repository: LocalRepository, base: string): Promise<CommitRange> {
  const to = await repository.commitOf('HEAD');
  if (to === undefined) throw new UsageError('--base: nothing is committed yet', 'commit first');
  if (NO_COMMIT.test(base)) return { from: undefined, to };
  const target = await repository.commitOf(base);
  if (target === undefined) throw await explainBase(repository, base);
  const from = await repository.mergeBase(target, to);
  if (from !== undefined) return { from, to };
  const hint = (await repository.isShallow())
    ? CURE_SHALLOW
    : `make the proposal on top of ${base}; to report all of it, give ${'0'.repeat(40)} as the base`;
  throw new UsageError(`--base: ${base} and HEAD have no commit in common here`, hint);
}

async function explainBase(repository: LocalRepository, base: string): Promise<UsageError> {
  const type = await repository.typeOf(base);
  if (type !== undefined) {
    const hint = 'name a branch, a tag or a commit';
    return new UsageError(`--base: expected a commit, got the ${type} ${base}`, hint);
  }
  const hint = (await repository.isShallow())
    ? CURE_SHALLOW
    : 'fetch it first: `git fetch origin BRANCH`, and name it as `git branch --all` does, such as origin/main';
  return new UsageError(`--base: there is no commit ${base} here`, hint);
}

/** As the hook refuses such a push: nothing of it can be judged. */
function reportUnusable(
  { message, hint = '' }: UnusableRulesError,
  location: string,
  { from, to }: CommitRange,
): RangeReport {
  const report: CheckReport = {
    source: { kind: 'git', location, commit: to },
    keys: [],
    summary: EMPTY,
    files: [],
    losses: [],
    base: from ?? null,
    refused: { code: 'state-refused', message, hint },
  };
  return { report, subtree: '' };
}

/** What a clone that was made with a filter says of files that it left out. */
const LEFT_OUT = /could not fetch [0-9a-f]+ from promisor remote/;

function explainMissing(error: unknown, source: string): unknown {
  const isMissing = error instanceof ObjectMissingError;
  if (!isMissing && !LEFT_OUT.test(messageOf(error))) return error;
  const lack = 'lacks files that have to be judged';
  return new UsageError(
    isMissing
      ? `--base: ${source} ${lack}, as a clone does that was made with a filter`
      : `--base: ${source} was cloned with a filter, and ${lack}`,
    'bring them with `git fetch --refetch --no-filter`, or clone without --filter',
    { cause: error },
  );
}
