// `lookaside check SOURCE --base REV`: what the commit that is checked out adds to another one, and what
// it takes away. What is not committed is not looked at.
import { LocalRepository } from '../../generator/proposal/local-repository.ts';
import { gitEnvironment } from '../../generator/sources/git/processes/git-environment.ts';
import { parseSource } from '../../generator/sources/parse-source.ts';
import { toComplaint } from '../../generator/system/output-tail.ts';
import { runProcess } from '../../generator/system/run-process.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { openEngines } from '../inputs/open-engines.ts';
import { withTemporaryState } from '../inputs/open-source.ts';
import { type CommitRange, type RangeReport, reviewRange } from './review-range.ts';

/** It prints one line. Milliseconds, bytes. */
const LIMITS = { silence: 60_000, deadline: 60_000, stdout: 64 * 1024, stderr: 1024 * 1024 };

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
      return await reviewRange(range, {
        repository,
        location: source,
        settings,
        engines,
        temporary,
      });
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
  if (!place.startsWith('/') && address.kind === 'git') {
    throw new UsageError(`--base: expected a repository on this machine, got ${source}`, hint);
  }
  const found = await runProcess('git rev-parse', ['git', 'rev-parse', '--absolute-git-dir'], {
    environment,
    directory: place,
    limits: LIMITS,
    ending,
  }).catch((cause: unknown) => {
    if (hintOf(cause) !== undefined) throw cause;
    throw new UsageError(`--base: cannot read ${source}: ${messageOf(cause)}`, hint, { cause });
  });
  if (found.exitCode === 0) return found.stdout.toString().trimEnd();
  const isOfOther = /dubious ownership/.test(found.stderr);
  throw new UsageError(
    `--base: cannot read ${source}: ${toComplaint(found.stderr)}`,
    isOfOther ? 'let git trust it: `git config --global --add safe.directory DIRECTORY`' : hint,
  );
}

/** From where the proposal has left the branch that it goes to. */
async function findRange(repository: LocalRepository, base: string): Promise<CommitRange> {
  const hint =
    'fetch it first, with its history: `git fetch --unshallow`, or a clone without a depth';
  const [target, to] = await Promise.all([repository.commitOf(base), repository.commitOf('HEAD')]);
  if (to === undefined) throw new UsageError('--base: nothing is committed yet', 'commit first');
  if (target === undefined) throw new UsageError(`--base: there is no commit ${base} here`, hint);
  const from = await repository.mergeBase(target, to);
  if (from !== undefined) return { from, to };
  throw new UsageError(`--base: ${base} and HEAD have no commit in common here`, hint);
}
