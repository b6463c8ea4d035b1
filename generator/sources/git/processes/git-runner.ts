// Runs git without forking this process: with a large store in memory a fork takes tens of
// milliseconds, in which no lookup is answered. A shell that was started early forks instead. It
// outlives each git, which has a session of its own and is stopped with all that it started. When this
// process ends, however it ends, the shell stops what runs, and ends too.
//
// Commands that talk to a remote, take long or are part of a refresh go through here. Questions about
// the clone alone, asked at a start or seldom, are forked by this process itself (git-child.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { ProcessStartError, signalGroup } from '../../../system/process-limits.ts';
import { processStarts } from '../../../system/process-starts.ts';
import { KILL_GRACE } from '../../../system/run-process.ts';
import {
  type GitLimits,
  type GitResult,
  type GitRun,
  RunningGit,
  STOP_GRACE,
} from './running-git.ts';
import { type GitEnvironment, GitKilledError } from './git-child.ts';
import { createLineReader } from './git-output.ts';
import { giveWayAsSession } from './give-way.ts';
import { SourceError } from '../../source.ts';

const TAKE_ORDERS = readFileSync(new URL('take-orders.sh', import.meta.url), 'utf8');
const RUN_GIT = readFileSync(new URL('run-git.sh', import.meta.url), 'utf8');
const MINUTE = 60_000;
const MIB = 1024 * 1024;

/** For what a remote is asked. */
const GIT_LIMITS: GitLimits = {
  silence: 2 * MINUTE,
  // The first clone of a large repository takes minutes; a refresh takes seconds.
  deadline: 10 * MINUTE,
  // Larger than any list of refs that is worth following.
  stdout: 16 * MIB,
  stderr: 16 * MIB,
  fileSize: undefined,
};

export interface GitRunnerOptions {
  /** Where one is left out, GIT_LIMITS has it. */
  readonly limits?: Partial<GitLimits>;
  /** Once aborted, what runs is stopped, and nothing more can be run. */
  readonly ending?: AbortSignal | undefined;
}

/** How long the shell may take to say that nothing is left of a git; later, it hangs. Milliseconds. */
const ANSWER_LIMIT = 5000;

/** One shell, which runs one git at a time. */
export class GitRunner {
  readonly #limits: GitLimits;
  readonly #ending: AbortSignal | undefined;
  readonly #shell: ChildProcess | undefined;
  readonly #closed: Promise<void>;
  readonly #kill = (): void => this.kill();
  #failure: SourceError | undefined;
  #running: RunningGit | undefined;
  #hurry: number | undefined;
  #previous: Promise<unknown> = Promise.resolve();
  #hardKill: NodeJS.Timeout | undefined;

  /** Starts the shell, with `environment` for every git. */
  constructor(environment: GitEnvironment, { limits = {}, ending }: GitRunnerOptions = {}) {
    this.#limits = { ...GIT_LIMITS, ...limits };
    this.#ending = ending;
    const args = ['-c', TAKE_ORDERS, 'sh', RUN_GIT];
    try {
      this.#shell = spawn('/bin/sh', args, {
        cwd: '/',
        env: environment,
        // Orders, what git prints and complains, how it goes, and what git reads.
        stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
        detached: true,
      });
      this.#closed = this.#untilClosed(this.#shell);
    } catch (cause) {
      this.#failToStart(cause);
      this.#closed = Promise.resolve();
    }
    if (ending?.aborted) this.kill();
    ending?.addEventListener('abort', this.#kill, { once: true });
  }

  /**
   * Runs `git ARGS`; one after another. Rejects with a GitLimitError when it took too much, with a
   * GitKilledError when it could not be started or was stopped from outside, which says nothing of
   * the clone, and with a SourceError where an argument cannot be said.
   */
  async run(args: readonly string[], run: GitRun = {}): Promise<GitResult> {
    const result = this.#previous.then(async () => this.#run(args, run));
    this.#previous = result.catch(() => undefined);
    return result;
  }

  /** All that is run from now on stays on that processor, as taskset(1) numbers it, if there is taskset. */
  stayOn(processor: number): void {
    this.#shell?.stdin?.write(`stay ${processor}\n`);
  }

  /**
   * Gives up a remote that says nothing for so long, also one that is asked from now on; undefined: as long
   * as the limits allow.
   */
  hurry(silence: number | undefined): void {
    this.#hurry = silence;
    if (silence !== undefined) this.#running?.hurry(silence);
  }

  /** What runs has not stopped, though it says nothing. */
  noteLife(): void {
    this.#running?.noteLife();
  }

  /** Whether nothing more can be run. */
  hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  /** Stops what runs, and the shell. */
  kill(): void {
    this.#failure ??= new GitKilledError('git was stopped');
    if (this.#running) this.#running.stop(this.#failure);
    else this.#shell?.stdin?.end();
    this.#killLater();
  }

  /** Waits for what runs, and ends the shell. */
  async close(): Promise<void> {
    await this.#previous;
    this.#failure ??= new GitKilledError('the shell that runs git is closed');
    this.#ending?.removeEventListener('abort', this.#kill);
    this.#shell?.stdin?.end();
    this.#killLater();
    await this.#closed;
  }

  async #run(args: readonly string[], run: GitRun): Promise<GitResult> {
    if (args.some((arg) => /[\n\0]/.test(arg))) throw new SourceError('an argument has a newline');
    if (this.#failure) throw this.#failure;
    const { talk } = run;
    const running = new RunningGit(args, { ...this.#limits, ...run.limits }, run, (answer) => {
      this.#talkTo?.write(answer);
    });
    this.#running = running;
    if (this.#hurry !== undefined) running.hurry(this.#hurry);
    try {
      this.#shell?.stdin?.write(running.order);
      this.#talkTo?.write(talk?.start ?? '');
      await running.printed;
      await this.#end(running);
      return running.result();
    } finally {
      this.#running = undefined;
      if (this.#failure) this.#shell?.stdin?.end();
    }
  }

  /** Settles when nothing is left of it. */
  async #end(running: RunningGit): Promise<void> {
    this.#shell?.stdin?.write(`end ${running.mark}\n`);
    this.#talkTo?.write(`\n${running.mark}\n`);
    const timer = setTimeout(() => this.#killNow(), ANSWER_LIMIT);
    if (running.endsWithShell) this.#killNow();
    await running.ended;
    clearTimeout(timer);
  }

  async #untilClosed(shell: ChildProcess): Promise<void> {
    if (shell.pid !== undefined) giveWayAsSession(shell.pid);
    const [, stdout, stderr, control] = shell.stdio ?? [];
    for (const pipe of shell.stdio ?? []) pipe?.on('error', () => undefined);
    stdout?.on('data', (chunk: Buffer) => this.#running?.readStdout(chunk));
    stderr?.on('data', (chunk: Buffer) => this.#running?.readStderr(chunk));
    const readLine = createLineReader((line) => this.#running?.hear(line));
    control?.on('data', (chunk: Buffer) => readLine(chunk.toString('latin1')));
    shell.once('spawn', () => processStarts.worked());
    await new Promise<void>((resolve) => {
      shell.once('error', (cause) => {
        this.#failToStart(cause);
        resolve();
      });
      // Not its pipes: a program that ssh leaves behind may hold them for as long as it likes.
      shell.once('exit', () => resolve());
    });
    clearTimeout(this.#hardKill);
    this.#failure ??= new GitKilledError('the shell that runs git has ended');
    this.#running?.abandon(this.#failure);
    for (const pipe of shell.stdio ?? []) pipe?.destroy();
  }

  get #talkTo(): Writable | undefined {
    const pipe = this.#shell?.stdio?.[4];
    return pipe && 'write' in pipe ? pipe : undefined;
  }

  #failToStart(cause: unknown): void {
    const error = new ProcessStartError('/bin/sh', cause);
    processStarts.failed(error);
    this.#failure ??= new GitKilledError(error.message, { cause: error });
    this.#running?.abandon(this.#failure);
  }

  /** For a shell that has got its orders. */
  #killLater(): void {
    this.#hardKill ??= setTimeout(() => this.#killNow(), STOP_GRACE + KILL_GRACE);
  }

  #killNow(): void {
    this.#running?.kill();
    signalGroup(this.#shell?.pid, 'SIGKILL');
  }
}
