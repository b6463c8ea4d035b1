import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { SourceError } from './source.ts';

/** As gitEnvironment makes it. */
export type Environment = Readonly<Record<string, string>>;

export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** What is kept of a complaint, in characters from its end. */
const COMPLAINT_LENGTH = 1000;

/** Starts git on a bare clone. */
export function startGit(
  directory: string,
  environment: Environment,
  args: readonly string[],
): GitProcess {
  const child = spawn('git', ['--git-dir', directory, ...args], {
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A write to a git that has gone is reported by its exit, not by the pipe.
  child.stdin.on('error', () => undefined);
  return child;
}

/** Git was stopped from outside, or never started, which says nothing of the clone. */
export class GitKilledError extends SourceError {}

/**
 * Settles when the process ends and its output is read; rejects with a SourceError unless it
 * succeeded or was stopped by us. Never an unhandled rejection.
 */
export async function endOfGit(child: GitProcess, command: string): Promise<void> {
  const ended = (async () => {
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-COMPLAINT_LENGTH);
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (code === 0 || child.killed) return;
    const said = complaint.trim().split('\n').join('; ');
    if (signal !== null) throw new GitKilledError(`git ${command} was killed by ${signal}`);
    throw new SourceError(`git ${command} failed: ${said}`);
  })();
  ended.catch(() => undefined);
  return ended;
}
