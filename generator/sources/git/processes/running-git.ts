// One git that a shell runs for us (git-runner.ts): what it prints, what it may take, and how it
// is stopped, with all that it started.
import { randomUUID } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import { OutputTail } from '../../../system/output-tail.ts';
import {
  type ProcessLimit,
  ProcessStartError,
  describeLimit,
  signalGroup,
} from '../../../system/process-limits.ts';
import { processStarts } from '../../../system/process-starts.ts';
import { COMPLAINT_BYTES } from '../../../system/run-process.ts';
import { SourceError } from '../../source.ts';
import { GitKilledError } from './git-child.ts';
import { GitOutput, createLineReader } from './git-output.ts';

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

/** Git took more than it may, and was stopped. */
export class GitLimitError extends SourceError {
  readonly limit: ProcessLimit;
  constructor(command: string, limit: ProcessLimit, value: number) {
    super(`git ${command} was stopped: ${describeLimit(limit, value)}`);
    this.limit = limit;
  }
}

/** How long a git that is told to stop may take to clean up. Milliseconds. */
export const STOP_GRACE = 1000;
/** What git says where the system lets it start nothing; a remote may say it too. */
const NO_FORK =
  /^(?!remote: ).*(?:(?:cannot|can't|unable to) (?:fork|create (?:async )?thread)|fork: .*unavailable)/im;
/** What is said of a file that may not grow. */
const FILE_TOO_LARGE = /^(?!remote: ).*file too large/im;
/** Of ulimit(1). Bytes. */
const BLOCK = 512;

/** Commands that wait for a remote. */
const TALKERS: ReadonlySet<string> = new Set([
  'fetch',
  'fetch-pack',
  'ls-remote',
  'remote-http',
  'remote-https',
]);

/** One git, from its order to its end. */
export class RunningGit {
  /** A secret of this run: what a remote says can never be taken for it. */
  readonly mark = randomUUID();
  readonly order: string;
  /** Settles when it has printed everything, or can print no more. */
  readonly printed: Promise<void>;
  /** Settles when nothing is left of it. */
  readonly ended: Promise<void>;
  readonly #command: string;
  readonly #limits: GitLimits;
  readonly #stdout: GitOutput;
  readonly #stderr: GitOutput;
  readonly #pieces: string[] = [];
  readonly #complaint = new OutputTail(COMPLAINT_BYTES);
  #silence: NodeJS.Timeout;
  #silenceLimit: number;
  /** When it, or what it brings, was last seen to move. */
  #heardAt = performance.now();
  readonly #deadline: NodeJS.Timeout;
  #kindly: NodeJS.Timeout | undefined;
  #failure: SourceError | undefined;
  #isSettled = false;
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
    // Not an option, nor a setting of `-c`.
    this.#command = args.find((arg) => /^[a-z]/.test(arg) && !arg.includes('=')) ?? '';
    this.#limits = limits;
    const { silence, deadline, stdout, stderr, fileSize } = limits;
    const blocks = fileSize === undefined ? '-' : Math.ceil(fileSize / BLOCK);
    const heading = ['run', this.mark, blocks, talk ? 'yes' : 'no', args.length].join(' ');
    this.order = `${[heading, ...args].join('\n')}\n`;
    this.printed = new Promise((resolve) => (this.#onPrinted = resolve));
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
    this.#silenceLimit = silence;
    this.#silence = setTimeout(() => this.#checkSilence(), silence);
    this.#deadline = setTimeout(() => this.#exceed('deadline', deadline), deadline);
    const readLine = createLineReader((line) => {
      // This git reads no more answers: the next one would.
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

  /** Stops it: with SIGTERM first, which it may take some time to obey. */
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

  /** Something else than its output shows that it has not stopped. */
  noteLife(): void {
    this.#heardAt = performance.now();
  }

  /** From now on a git that talks to a remote may say nothing for so long only, the time before included. */
  hurry(silence: number): void {
    if (!TALKERS.has(this.#command) || silence >= this.#silenceLimit) return;
    this.#silenceLimit = silence;
    this.#checkSilence();
  }

  /** Kills what is left of it, where the shell no longer does. */
  kill(): void {
    signalGroup(this.#leader, 'SIGKILL');
  }

  /** For a shell that will not say how it ended. */
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
    this.noteLife();
    output.push(chunk);
    if (output.isTooMuch) this.#exceed(limit, this.#limits[limit]);
    if (this.#stdout.ending !== undefined && this.#stderr.ending !== undefined) this.#onPrinted();
    if (this.#stdout.isOver && this.#stderr.isOver) this.#settle();
  }

  #checkSilence(): void {
    clearTimeout(this.#silence);
    if (this.#isSettled) return;
    const left = this.#heardAt + this.#silenceLimit - performance.now();
    if (left <= 0) this.#exceed('silence', this.#silenceLimit);
    else this.#silence = setTimeout(() => this.#checkSilence(), left);
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
    this.#isSettled = true;
    this.#leader = undefined;
    clearTimeout(this.#silence);
    clearTimeout(this.#deadline);
    clearTimeout(this.#kindly);
    this.#onPrinted();
    this.#onEnded();
  }
}
