// Runs git without forking this process, which takes tens of milliseconds when a large store is
// in memory, and stops every lookup meanwhile. A shell that was started early forks instead.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type Environment, GitKilledError } from './git-child.ts';
import { giveWayAsSession } from './give-way.ts';
import { SourceError } from './source.ts';

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What one run may take, and what it is asked. */
export interface GitRun {
  /** Without it git reads nothing. */
  readonly talk?: GitTalk;
}

export interface GitRunner {
  /**
   * Runs `git ARGS`; one after another. Rejects with a SourceError when the shell is not there, or
   * when a git was killed that said nothing for too long.
   */
  readonly run: (args: readonly string[], run?: GitRun) => Promise<GitResult>;
  /** Whether nothing can be run any more. */
  readonly hasEnded: () => boolean;
  /** Stops what runs, and the shell. */
  readonly kill: () => void;
  /** Waits for what runs. */
  readonly close: () => Promise<void>;
}

/** What git reads: something at first, and an answer, which may be empty, to each line it prints. */
export interface GitTalk {
  readonly start: string;
  readonly answer: (line: string) => string;
}

/**
 * Reads a count and as many words, one a line, runs git with them, and ends what it printed with
 * a NUL and its exit code. No word is ever evaluated. Only a git that is talked to gets our input.
 * With a processor as its argument, all that it starts stays on that one, if there is taskset(1).
 */
const SCRIPT = `
if [ "$1" ]; then taskset -cp "$1" $$ >/dev/null 2>&1; fi
while IFS=' ' read -r count talk; do
  set --
  while [ "$count" -gt 0 ]; do
    IFS= read -r word
    set -- "$@" "$word"
    count=$((count - 1))
  done
  if [ "$talk" = talk ]; then git "$@"; else git "$@" </dev/null; fi
  code=$?
  printf '\\000' >&2
  printf '\\000%s\\n' "$code"
done
`;

type Shell = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Starts the shell. `silenceLimit` is in milliseconds; `ending` stops what runs. With a `processor`,
 * as taskset(1) numbers them, git stays on that one where that is possible.
 */
export function openGitRunner(
  environment: Environment,
  silenceLimit: number,
  ending: AbortSignal | undefined,
  processor?: number,
): GitRunner {
  // A group of its own, so that git and its children can be stopped with it.
  const shell: Shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', String(processor ?? '')], {
    cwd: '/',
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  if (shell.pid !== undefined) giveWayAsSession(shell.pid);
  let failure: SourceError | undefined;
  let onOutput: (() => void) | undefined;
  let onFailure: ((error: Error) => void) | undefined;
  let stdout = '';
  let stderr = '';
  let previous: Promise<unknown> = Promise.resolve();

  const kill = (): void => {
    if (shell.pid === undefined || shell.exitCode !== null) return;
    try {
      process.kill(-shell.pid, 'SIGTERM');
    } catch {
      // It has ended meanwhile.
    }
  };
  const fail = (error: SourceError): void => {
    failure ??= error;
    onFailure?.(failure);
  };
  const closed = new Promise<void>((resolve) => {
    shell.once('error', (cause) => {
      fail(new GitKilledError('cannot start /bin/sh', { cause }));
      resolve();
    });
    // Not its pipes: a program that ssh leaves behind may hold them for as long as it likes.
    shell.once('exit', () => {
      fail(new GitKilledError('the shell that runs git has ended'));
      shell.stdout.destroy();
      shell.stderr.destroy();
      resolve();
    });
  });
  shell.stdin.on('error', () => undefined);
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.();
  });
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onOutput?.();
  });
  if (ending?.aborted) kill();
  ending?.addEventListener('abort', kill, { once: true });

  const run = async (args: readonly string[], talk: GitTalk | undefined): Promise<GitResult> => {
    if (failure) throw failure;
    if (args.some((arg) => /[\n\0]/.test(arg))) throw new SourceError('an argument has a newline');
    [stdout, stderr] = ['', ''];
    let answered = 0;
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<GitResult>((resolve, reject) => {
      onFailure = reject;
      onOutput = () => {
        timer?.refresh();
        for (;;) {
          const end = stdout.indexOf('\n', answered);
          const line = stdout.slice(answered, end);
          if (!talk || end < 0 || line.includes('\0')) break;
          shell.stdin.write(talk.answer(line));
          answered = end + 1;
        }
        const [, printed = '', code = ''] = /^([^]*)\0(\d+)\n$/.exec(stdout) ?? [];
        if (code === '' || !stderr.endsWith('\0')) return;
        resolve({ exitCode: Number(code), stdout: printed, stderr: stderr.slice(0, -1) });
      };
      timer = setTimeout(() => {
        fail(new SourceError(`git ${args[0]} said nothing for ${silenceLimit / 1000} s`));
        kill();
      }, silenceLimit);
    });
    const heading = talk ? `${args.length} talk` : String(args.length);
    shell.stdin.write(`${[heading, ...args].join('\n')}\n${talk?.start ?? ''}`);
    try {
      const result = await ended;
      if (talk && result.exitCode !== 0) {
        // What git has not read would be read by the shell.
        fail(new GitKilledError('git broke off'));
        kill();
      }
      return result;
    } finally {
      clearTimeout(timer);
      [onOutput, onFailure] = [undefined, undefined];
    }
  };

  return {
    run: async (args, { talk } = {}) => {
      const result = previous.then(async () => run(args, talk));
      previous = result.catch(() => undefined);
      return result;
    },
    hasEnded: () => failure !== undefined,
    kill,
    close: async () => {
      ending?.removeEventListener('abort', kill);
      shell.stdin.end();
      await closed;
    },
  };
}
