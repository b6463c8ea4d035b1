// Runs git without forking this process, which takes tens of milliseconds when a large store is
// in memory, and stops every lookup meanwhile. A shell that was started early forks instead, and
// lives on whatever happens to a git: each leads a session of its own, and is stopped with all that
// it started. When this process is gone, however it ended, the shell ends what runs and itself.
//
// What talks to a remote, what takes long and what a refresh needs goes through here. What is asked
// of the clone alone at a start, or seldom, is forked by this process itself (git-child.ts).
import { type ChildProcess, spawn } from 'node:child_process';
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
import { type Environment, GitKilledError, giveWay } from './git-child.ts';
import { BEGIN, OVER, createLineReader } from './git-output.ts';
import { SourceError } from '../../source.ts';

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
  /** Once aborted, what runs is stopped, and nothing can be run any more. */
  readonly ending?: AbortSignal | undefined;
}

/** How often it is looked, 10 ms apart, whether anybody is left of a group that was killed. */
const LEFTOVER_TRIES = 20;
/** A shell that has not said by then that nothing is left of a git hangs. Milliseconds. */
const ANSWER_LIMIT = 5000;

/**
 * Runs git with its arguments. What it prints comes between two marks; the second has its exit code.
 * Where a file may not grow without end, a write beyond that fails, and git says so.
 */
const RUN = `
mark=$1 blocks=$2
shift 2
if [ "$blocks" != - ]; then
  trap '' XFSZ
  ulimit -f "$blocks"
fi
printf '\\000%s${BEGIN}\\n' "$mark" >&2
printf '\\000%s${BEGIN}\\n' "$mark"
# Neither what stops git nor a git that cannot be started shall keep this from saying how it ended.
trap : TERM
command eval 'git "$@"'
code=$?
printf '\\000%s%s\\n' "$mark" "$code" >&2
printf '\\000%s%s\\n' "$mark" "$code"
`;

/**
 * Takes orders. `run` reads as many words as it says, one a line, and starts git with them: no word
 * is ever evaluated. It says who leads its group: 0 where a shell can make none, because it has
 * neither setsid(1) nor job control. `end` kills what is left of the group, waits for it, passes over
 * what git has not read, up to a line that is the mark, and marks the end of what was printed. When
 * nobody gives orders any more, what runs is ended.
 */
const SCRIPT = `
script=$1
set -m 2>/dev/null
leader= group=yes
case $- in
  *m*) ;;
  *) if command -v setsid >/dev/null; then leader=setsid; else group=; fi ;;
esac
job=
while IFS=' ' read -r order mark blocks talk count; do
  if [ "$order" = end ]; then
    if [ "$job" ]; then
      if [ "$group" ]; then kill -KILL "-$job"; fi
      wait "$job"
      # Whoever is being killed may still finish a write. Those whom nobody buries stay for ever.
      tries=${LEFTOVER_TRIES}
      while [ "$group" ] && [ "$tries" -gt 0 ] && kill -0 "-$job"; do
        sleep 0.01
        tries=$((tries - 1))
      done
    fi 2>/dev/null
    job=
    while IFS= read -r word <&4 && [ "$word" != "$mark" ]; do :; done
    printf '\\000%s${OVER}\\n' "$mark" >&2
    printf '\\000%s${OVER}\\n' "$mark"
    continue
  fi
  set --
  while [ "$count" -gt 0 ]; do
    IFS= read -r word
    set -- "$@" "$word"
    count=$((count - 1))
  done
  if [ "$talk" = yes ]; then input='<&4'; else input='</dev/null'; fi
  if command eval '$leader /bin/sh -c "$script" sh "$mark" "$blocks" "$@"' "$input" '3>&- 4<&- &'; then
    job=$!
    if [ "$group" ]; then echo "started $job" >&3; else echo 'started 0' >&3; fi
  else
    echo unstarted >&3
  fi
done
if [ "$job" ]; then
  [ "$group" ] && job=-$job
  kill -TERM "$job" && sleep 1
  kill -KILL "$job"
fi 2>/dev/null
`;

/** A shell for all, and one git at a time. */
export class GitRunner {
  readonly #limits: GitLimits;
  readonly #ending: AbortSignal | undefined;
  readonly #shell: ChildProcess | undefined;
  readonly #closed: Promise<void>;
  readonly #kill = (): void => this.kill();
  #failure: SourceError | undefined;
  #running: RunningGit | undefined;
  #previous: Promise<unknown> = Promise.resolve();
  #hardKill: NodeJS.Timeout | undefined;

  /** Starts the shell, with `environment` for every git. */
  constructor(environment: Environment, { limits = {}, ending }: GitRunnerOptions = {}) {
    this.#limits = { ...GIT_LIMITS, ...limits };
    this.#ending = ending;
    const args = ['-c', SCRIPT, 'sh', RUN];
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

  /** Whether nothing can be run any more. */
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
    if (shell.pid !== undefined) giveWay(shell.pid);
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
