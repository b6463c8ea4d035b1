import { toComplaint } from '../../../system/output-tail.ts';
import { SourceError, StateRefusedError } from '../../source.ts';
import { GitKilledError } from './git-child.ts';
import { GitLimitError } from './running-git.ts';

/** The cure for a repository of another user, which git refuses to read. */
export const OWNER_CURE = {
  said: /dubious ownership/,
  hint: 'let git trust it: git config --global --add safe.directory PATH',
};

/** Cures for what git says of a remote. */
const HINTS = [
  { said: /couldn't find remote ref/, hint: 'name a branch that is there with --branch' },
  { said: /not appear to be a git repository|not found/i, hint: 'check the path of the URL' },
  {
    said: /Authentication failed|could not read (?:Username|Password)/,
    hint: 'give a token that may read it with --git-token-file',
  },
  OWNER_CURE,
];

/** What git adds to every failure of a remote, and what is of no help. */
const BOILERPLATE: ReadonlySet<string> = new Set([
  'Please make sure you have the correct access rights',
  'and the repository exists.',
]);
/** `Receiving objects:  42% (21/50)`, by git or by the remote. */
const PROGRESS = /^(?:remote: )?[A-Z][a-z]+(?: [a-z]+)*: +\d+(?:% \(\d+\/\d+\))?/;
/** The error of a git that could not be started has a stack. */
const STACK_LINE = /^\s+at /;

/** The error for a `git COMMAND` that failed; `said` is what git wrote to stderr. */
export function toGitError(command: string, said: string, cause?: unknown): SourceError {
  const lines = said
    .split(/[\r\n]+/)
    .filter((line) => !BOILERPLATE.has(line) && !STACK_LINE.test(line) && !PROGRESS.test(line));
  const complaint = toComplaint(lines.join('\n')).replace(/\.$/, '');
  const hint = HINTS.find((one) => one.said.test(said))?.hint;
  return new SourceError(`git ${command} failed: ${complaint}`, {
    ...(cause !== undefined && { cause }),
    ...(hint !== undefined && { hint }),
  });
}

/** A disk that is full or may not be written to would take no other clone either. */
const OF_THE_DISK =
  /(?:failed: |; )(?!remote: )[^;]*(?:No space left on device|Disk quota exceeded|Read-only file system|Permission denied)/;

/** Whether an error cannot come from a clone that is damaged: another one would not help. */
export function saysNothingOfClone(error: unknown): boolean {
  if (error instanceof StateRefusedError || error instanceof GitLimitError) return true;
  if (error instanceof GitKilledError) return true;
  if (error instanceof SourceError) return OF_THE_DISK.test(error.message);
  // Of the system, as ENOSPC.
  return error instanceof Error && 'code' in error;
}
