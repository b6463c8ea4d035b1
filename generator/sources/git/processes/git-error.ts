import { toComplaint } from '../../../system/output-tail.ts';
import { SourceError, StateRefusedError } from '../../source.ts';
import { GitKilledError } from './git-child.ts';
import { GIT_FAILURES, type GitFailure, findFailure } from './git-failures.ts';
import { GitLimitError } from './running-git.ts';

/** Whether git refuses to read a repository of another user; `said` is what it wrote. */
export function saysOwnerDiffers(said: string): boolean {
  return GIT_FAILURES['dubious-ownership'].said.test(said);
}

const ALL: readonly GitFailure[] = Object.values(GIT_FAILURES);
/** Of a git that talks to nobody. */
const LOCAL: readonly GitFailure[] = [
  GIT_FAILURES['git-missing'],
  GIT_FAILURES['disk-full'],
  GIT_FAILURES['dubious-ownership'],
];
/** Commands that talk to a remote. */
const REMOTE: ReadonlySet<string> = new Set(['fetch', 'ls-remote']);

/** What git adds to every failure of a remote, and what is of no help. */
const BOILERPLATE: ReadonlySet<string> = new Set([
  'Please make sure you have the correct access rights',
  'and the repository exists.',
]);
/** The same, but it may be all that is said. */
const LAST_WORDS = 'fatal: Could not read from remote repository.';
/** `Receiving objects:  42% (21/50)`, by git or by the remote. */
const PROGRESS = /^(?:remote: )?[A-Z][a-z]+(?: [a-z]+)*: +\d+(?:% \(\d+\/\d+\))?/;
/** The error of a git that could not be started has a stack. */
const STACK_LINE = /^\s+at /;

/** The error for a `git COMMAND` that failed; `said` is what git wrote to stderr. */
export function toGitError(command: string, said: string, cause?: unknown): SourceError {
  const lines = said
    // ssh ends its lines as terminals want it.
    .split(/[\r\n]+/)
    .filter((line) => !BOILERPLATE.has(line) && !STACK_LINE.test(line) && !PROGRESS.test(line));
  const failure = findFailure(REMOTE.has(command) ? ALL : LOCAL, lines.join('\n'));
  const hint = failure?.hint;
  return new SourceError(`git ${command} failed: ${chooseComplaint(lines, failure)}`, {
    ...(cause !== undefined && { cause }),
    ...(hint !== undefined && { hint }),
  });
}

/** What is shown of the lines that git wrote: the last ones, and the one that says why, wherever it stands. */
export function chooseComplaint(lines: readonly string[], failure: GitFailure | undefined): string {
  const telling = lines.filter((line) => line.trim() !== '' && line !== LAST_WORDS);
  const all = telling.length > 0 ? telling : lines;
  const why = failure && all.find((line) => failure.said.test(line));
  const end = all.slice(-2);
  // The last three are shown, be it that one of them says why.
  const shown = why === undefined || all.slice(-3).includes(why) ? all : [why, ...end];
  return toComplaint(shown.join('\n')).replace(/\.$/, '');
}

/** A disk that is full or may not be written to would take no other clone either. */
const OF_THE_DISK =
  /(?:failed: |; )(?!remote: )[^;]*(?:No space left on device|Disk quota exceeded|Read-only file system|Permission denied)/;

/** Whether an error cannot come from a clone that is damaged: another one would not help. */
export function saysNothingOfClone(error: unknown): boolean {
  if (error instanceof StateRefusedError || error instanceof GitLimitError) return true;
  if (error instanceof GitKilledError) return true;
  if (error instanceof SourceError) {
    return (
      OF_THE_DISK.test(error.message) || GIT_FAILURES['bundle-incomplete'].said.test(error.message)
    );
  }
  // Of the system, as ENOSPC.
  return error instanceof Error && 'code' in error;
}

/** Whether a remote does not have the branch. */
export function saysBranchIsMissing(error: unknown): boolean {
  return error instanceof SourceError && GIT_FAILURES['no-branch'].said.test(error.message);
}
