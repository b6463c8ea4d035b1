// Runs git without forking this process, which takes tens of milliseconds when a large store is
// in memory, and stops every lookup meanwhile. A shell that was started early forks instead, and
// lives on whatever happens to a git: each leads a session of its own, and is stopped with all that
// it started. When this process is gone, however it ended, the shell ends what runs and itself.
//
// What talks to a remote, what takes long and what a refresh needs goes through here. simple-git
// keeps what is short and local: refs, configuration, a new clone, questions about commits.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { OutputTail } from '../system/output-tail.ts';
import {
  type ProcessLimit,
  ProcessStartError,
  describeLimit,
  signalGroup,
} from '../system/process-limits.ts';
import { processStarts } from '../system/process-starts.ts';
import { COMPLAINT_BYTES, KILL_GRACE } from '../system/run-process.ts';
import { type Environment, GitKilledError } from './git-child.ts';
import { BEGIN, GitOutput, OVER, createLineReader } from './git-output.ts';
import { NICENESS, giveWayAsSession } from './give-way.ts';
import { SourceError } from './source.ts';

export interface GitResult {
  readonly exitCode: number;
  /** Empty where each line was given to somebody. */
  readonly stdout: string;
  /** The end of what it wrote for people, as it is: toComplaint makes it fit to be shown. */
  readonly stderr: string;
}

/** What git may take. Times are in milliseconds, amounts in bytes. */
export interface GitLimits {
  /** How long it may say nothing. */
  readonly silence: number;
  /** How long it may run, whatever it says. */
  readonly deadline: number;
  /** What it may print. */
  readonly stdout: number;
  /** What it may complain; progress counts, and so does what a remote says. */
  readonly stderr: number;
  /** How large a file may be that it writes; each pack is one. Undefined: as large as it likes. */
  readonly fileSize: number | undefined;
}

const MINUTE = 60_000;
const MIB = 1024 * 1024;

/** For what a remote is asked. */
export const GIT_LIMITS: GitLimits = {
  silence: 2 * MINUTE,
  // The first clone of a large repository takes minutes; a refresh takes seconds.
  deadline: 10 * MINUTE,
  // Larger than any list of refs that is worth following.
  stdout: 16 * MIB,
  stderr: 16 * MIB,
  fileSize: undefined,
};

/** What one run may take, and what it is asked. */
export interface GitRun {
  /** Without it git reads nothing. */
  readonly talk?: GitTalk;
  /** Takes each line that it prints, which is not kept then. Must be quick. */
  readonly onLine?: (line: string) => void;
  /** Other limits than those of the runner. */
  readonly limits?: Partial<GitLimits>;
}

/** What git reads: something at first, and an answer, which may be empty, to each line it prints. */
export interface GitTalk {
  readonly start: string;
  readonly answer: (line: string) => string;
}

export interface GitRunnerOptions {
  /** Where one is left out, GIT_LIMITS has it. */
  readonly limits?: Partial<GitLimits>;
  /** Once aborted, what runs is stopped, and nothing can be run any more. */
  readonly ending?: AbortSignal | undefined;
  /** As taskset(1) numbers them: git stays on that one where that is possible. */
  readonly processor?: number | undefined;
}

/** Git took more than it may, and was stopped. */
export class GitLimitError extends SourceError {
  readonly limit: ProcessLimit;
  constructor(command: string, limit: ProcessLimit, value: number) {
    super(`git ${command} was stopped: ${describeLimit(limit, value)}`);
    this.limit = limit;
  }
}

/** What a git that is told to stop may take to clean up. Milliseconds. */
const STOP_GRACE = 1000;
/** How often it is looked, 10 ms apart, whether anybody is left of a group that was killed. */
const LEFTOVER_TRIES = 20;
/** A shell that has not said by then that nothing is left of a git hangs. Milliseconds. */
const ANSWER_LIMIT = 5000;

/**
 * Runs git with its arguments. What it prints comes between two marks; the second has its exit code.
 * Where a file may not grow without end, a write beyond that fails, and git says so.
 */
const RUN = `
{ echo ${NICENESS} >/proc/$$/autogroup; } 2>/dev/null
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
 * With a processor as its argument, all that it starts stays on that one, if there is taskset(1).
 */
const SCRIPT = `
if [ "$1" ]; then taskset -cp "$1" $$ >/dev/null 2>&1; fi
script=$2
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
  constructor(environment: Environment, { limits = {}, ending, processor }: GitRunnerOptions = {}) {
    this.#limits = { ...GIT_LIMITS, ...limits };
    this.#ending = ending;
    const args = ['-c', SCRIPT, 'sh', String(processor ?? ''), RUN];
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

/** What git says where the system lets it start nothing; a remote may say it too. */
const NO_FORK =
  /^(?!remote: ).*(?:(?:cannot|can't|unable to) (?:fork|create (?:async )?thread)|fork: .*unavailable)/im;
/** What is said of a file that may not grow. */
const FILE_TOO_LARGE = /^(?!remote: ).*file too large/im;
/** Of ulimit(1). Bytes. */
const BLOCK = 512;

/** One git, from its order to its end. */
class RunningGit {
  /** What nobody else can know. */
  readonly mark = randomUUID();
  readonly order: string;
  /** Settles when it has said all, or cannot any more. */
  readonly printed: Promise<void>;
  /** Settles when nothing is left of it. */
  readonly ended: Promise<void>;
  readonly #command: string;
  readonly #limits: GitLimits;
  readonly #stdout: GitOutput;
  readonly #stderr: GitOutput;
  readonly #pieces: string[] = [];
  readonly #complaint = new OutputTail(COMPLAINT_BYTES);
  readonly #silence: NodeJS.Timeout;
  readonly #deadline: NodeJS.Timeout;
  #kindly: NodeJS.Timeout | undefined;
  #failure: SourceError | undefined;
  /** Of its group, where it has one. */
  #leader: number | undefined;
  #isInGroupOfShell = false;
  #onPrinted: () => void = () => undefined;
  #onEnded: () => void = () => undefined;

  constructor(
    args: readonly string[],
    limits: GitLimits,
    { talk, onLine }: GitRun,
    say: (answer: string) => void,
  ) {
    this.#command = args[0] ?? '';
    this.#limits = limits;
    const { silence, deadline, stdout, stderr, fileSize } = limits;
    const blocks = fileSize === undefined ? '-' : Math.ceil(fileSize / BLOCK);
    const heading = ['run', this.mark, blocks, talk ? 'yes' : 'no', args.length].join(' ');
    this.order = `${[heading, ...args].join('\n')}\n`;
    this.printed = new Promise((resolve) => (this.#onPrinted = resolve));
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
    this.#silence = setTimeout(() => this.#exceed('silence', silence), silence);
    this.#deadline = setTimeout(() => this.#exceed('deadline', deadline), deadline);
    const readLine = createLineReader((line) => {
      // Nobody reads an answer any more, or the next git would.
      if (this.#failure) return;
      onLine?.(line);
      if (talk) say(talk.answer(line));
    });
    const decoder = new StringDecoder('utf8');
    this.#stdout = new GitOutput(`\0${this.mark}`, stdout, (bytes) => {
      const text = decoder.write(bytes);
      if (talk || onLine) readLine(text);
      if (!onLine) this.#pieces.push(text);
    });
    this.#stderr = new GitOutput(`\0${this.mark}`, stderr, (bytes) => this.#complaint.push(bytes));
  }

  readStdout(chunk: Buffer): void {
    this.#read(this.#stdout, 'stdout', chunk);
  }

  readStderr(chunk: Buffer): void {
    this.#read(this.#stderr, 'stderr', chunk);
  }

  /** What the shell says of it. */
  hear(line: string): void {
    const [word, leader] = line.split(' ');
    if (word === 'started') this.#isInGroupOfShell = leader === '0';
    if (word === 'started' && !this.#isInGroupOfShell) this.#leader = Number(leader);
    if (word === 'started' && this.#failure) signalGroup(this.#leader, 'SIGTERM');
    if (word === 'unstarted') this.#failToStart();
  }

  /** Stops it: first kindly, then for sure. */
  stop(error: SourceError): void {
    this.#failure ??= error;
    if (this.#kindly) return;
    signalGroup(this.#leader, 'SIGTERM');
    this.#kindly = setTimeout(() => this.#onPrinted(), STOP_GRACE);
  }

  /** Whether it was stopped, and there is no other way to reach it. */
  get endsWithShell(): boolean {
    return this.#failure !== undefined && this.#isInGroupOfShell;
  }

  /** What is left of it; the shell does not do it any more. */
  kill(): void {
    signalGroup(this.#leader, 'SIGKILL');
  }

  /** Nobody will say how it ended. */
  abandon(error: SourceError): void {
    this.kill();
    this.#failure ??= error;
    this.#settle();
  }

  /** How it ended. Throws why it was stopped. */
  result(): GitResult {
    if (this.#failure) throw this.#failure;
    const exitCode = Number(this.#stdout.ending);
    const stderr = this.#complaint.text();
    const { fileSize } = this.#limits;
    if (exitCode !== 0 && NO_FORK.test(stderr)) throw this.#failToStart();
    if (exitCode !== 0 && fileSize !== undefined && FILE_TOO_LARGE.test(stderr)) {
      throw new GitLimitError(this.#command, 'fileSize', fileSize);
    }
    processStarts.worked();
    return { exitCode, stdout: this.#pieces.join(''), stderr };
  }

  #read(output: GitOutput, limit: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#silence.refresh();
    output.push(chunk);
    if (output.isTooMuch) this.#exceed(limit, this.#limits[limit]);
    if (this.#stdout.ending !== undefined && this.#stderr.ending !== undefined) this.#onPrinted();
    if (this.#stdout.isOver && this.#stderr.isOver) this.#settle();
  }

  #exceed(limit: ProcessLimit, value: number): void {
    this.stop(new GitLimitError(this.#command, limit, value));
  }

  #failToStart(): SourceError {
    const error = ProcessStartError.exhausted('git');
    processStarts.failed(error);
    this.#failure ??= new GitKilledError(error.message, { cause: error });
    this.#onPrinted();
    return this.#failure;
  }

  #settle(): void {
    this.#leader = undefined;
    clearTimeout(this.#silence);
    clearTimeout(this.#deadline);
    clearTimeout(this.#kindly);
    this.#onPrinted();
    this.#onEnded();
  }
}
