// A git that this process starts itself, on a bare clone, to answer questions or to list. Errors are
// SourceErrors; those that say nothing about the clone are GitKilledErrors.
import { toComplaint } from '../../../system/output-tail.ts';
import {
  type ProcessLimits,
  ProcessLimitError,
  ProcessStoppedError,
} from '../../../system/process-limits.ts';
import { BoundedProcess, type ProcessResult, runProcess } from '../../../system/run-process.ts';
import { hintOf, messageOf } from '../../../terms/errors.ts';
import { SourceError } from '../../source.ts';

/** As gitEnvironment makes it. */
export type GitEnvironment = Readonly<Record<string, string>>;

export interface GitOptions {
  readonly limits: Partial<ProcessLimits>;
  readonly ending?: AbortSignal | undefined;
  readonly hasInput?: boolean;
}

/** Git was stopped from outside, or never started, which says nothing about the clone. */
export class GitKilledError extends SourceError {}

/** Of one that prints a few lines and is soon done. Milliseconds, bytes. */
export const SHORT_GIT: ProcessLimits = {
  silence: 120_000,
  deadline: 120_000,
  stdout: 64 * 1024,
  stderr: 1024 * 1024,
};
/** How long git may search in a large clone before it prints anything. Milliseconds. */
export const SEEKING_LIMIT = 120_000;
/** A listing lasts as long as all that is listed is judged. Milliseconds. */
const LISTING_LIMIT = 6 * 60 * 60_000;
/** Git cannot start in a directory that was removed, as our own may be, or a clone that is replaced. */
const WORKING_DIRECTORY = '/';
/** Git needs a few lines to complain about a broken clone. Bytes. */
const COMPLAINT_LIMIT = 16 * 1024 * 1024;

/** Starts `git ARGS` on a bare clone. */
export function startGit(
  directory: string,
  environment: GitEnvironment,
  args: readonly [string, ...string[]],
  { limits, ...options }: GitOptions,
): BoundedProcess {
  const command = args.find((arg) => /^[a-z]/.test(arg) && !arg.includes('=')) ?? '';
  return new BoundedProcess(`git ${command}`, ['git', '--git-dir', directory, ...args], {
    ...options,
    environment,
    directory: WORKING_DIRECTORY,
    limits: { stderr: COMPLAINT_LIMIT, ...limits },
  });
}

/**
 * Runs `git ARGS`, which begin with a command, on a bare clone, and gives all that it prints. Rejects
 * with a SourceError where it was stopped or could not be started.
 */
export async function runGit(
  directory: string,
  environment: GitEnvironment,
  args: readonly [string, ...string[]],
  options: {
    readonly limits: ProcessLimits;
    readonly ending: AbortSignal | undefined;
    /** What git reads. */
    readonly input?: Uint8Array;
  },
): Promise<ProcessResult> {
  try {
    return await runProcess(`git ${args[0]}`, ['git', '--git-dir', directory, ...args], {
      ...options,
      environment,
      directory: WORKING_DIRECTORY,
    });
  } catch (error) {
    throw toSourceError(error);
  }
}

/**
 * Settles when the process ends and its output is read; rejects with a SourceError unless it
 * succeeded or was stopped by us.
 */
export async function endOfGit(child: BoundedProcess, command: string): Promise<void> {
  try {
    const { exitCode, signal, stderr } = await child.ended();
    if (exitCode === 0) return;
    if (signal !== null) throw new GitKilledError(`git ${command} was killed by ${signal}`);
    throw new SourceError(`git ${command} failed: ${toComplaint(stderr)}`);
  } catch (error) {
    if (!(error instanceof ProcessStoppedError)) throw toSourceError(error);
  }
}

/**
 * What `git ARGS` prints, no faster than it is consumed; a consumer that stops early stops git. Throws
 * a SourceError unless git succeeded.
 */
export async function* readGit(
  directory: string,
  environment: GitEnvironment,
  args: readonly [string, ...string[]],
  ending: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const limits = { silence: SEEKING_LIMIT, deadline: LISTING_LIMIT };
  const child = startGit(directory, environment, args, { limits, ending });
  try {
    yield* child.chunks();
  } catch (error) {
    throw toSourceError(error);
  }
  await endOfGit(child, args[0]);
}

function toSourceError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const message = messageOf(error);
  const hint = hintOf(error);
  const options = { cause: error, ...(hint !== undefined && { hint }) };
  // A git that took too much tells something about what it was asked; all else does not.
  return error instanceof ProcessLimitError
    ? new SourceError(message, options)
    : new GitKilledError(message, options);
}
