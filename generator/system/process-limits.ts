// The limits of a child process, and the errors that say which one it exceeded.
import { formatBytes } from '../terms/text.ts';

/** Times are in milliseconds, amounts in bytes. */
export interface ProcessLimits {
  /** How long it may print nothing while somebody waits for its output. */
  readonly silence: number;
  /** How long it may run in all. */
  readonly deadline: number;
  /** What it may print. */
  readonly stdout: number;
  /** What it may write to stderr, of which only the end is kept. */
  readonly stderr: number;
}

export type ProcessLimit = keyof ProcessLimits | 'fileSize';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** `it ran longer than 10 min`. */
export function describeLimit(limit: ProcessLimit, value: number): string {
  switch (limit) {
    case 'silence':
      return `it said nothing for ${formatDuration(value)}`;
    case 'deadline':
      return `it ran longer than ${formatDuration(value)}`;
    case 'stdout':
      return `it printed more than ${formatBytes(value)}`;
    case 'stderr':
      return `it wrote more than ${formatBytes(value)} of messages`;
    case 'fileSize':
      return `it wrote a file of more than ${formatBytes(value)}`;
  }
}

function formatDuration(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Math.round(milliseconds)} ms`;
  if (milliseconds % MINUTE === 0) return `${milliseconds / MINUTE} min`;
  return `${Math.round(milliseconds / SECOND)} s`;
}

/** The process was stopped because it exceeded a limit. */
export class ProcessLimitError extends Error {
  override readonly name = 'ProcessLimitError';
  readonly limit: ProcessLimit;
  constructor(command: string, limit: ProcessLimit, value: number) {
    super(`${command} was stopped: ${describeLimit(limit, value)}`);
    this.limit = limit;
  }
}

/** The process was stopped because the one that started it ends. */
export class ProcessStoppedError extends Error {
  override readonly name = 'ProcessStoppedError';
  constructor(command: string) {
    super(`${command} was stopped`);
  }
}

/** What the system says when it has no room for one more process, or for its pipes. */
const EXHAUSTED: ReadonlySet<string> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);

/** The process could not be started. */
export class ProcessStartError extends Error {
  override readonly name = 'ProcessStartError';
  /** The name of the system's error, as `ENOENT`. */
  readonly code: string | undefined;
  readonly #command: string;
  constructor(command: string, cause: unknown) {
    const code = codeOf(cause);
    super(`cannot start ${command}: ${explainStart(code, cause)}`, { cause });
    this.code = code;
    this.#command = command;
  }

  /** For a program that reports that it could not start another one. */
  static exhausted(command: string): ProcessStartError {
    return new ProcessStartError(
      command,
      Object.assign(new Error('cannot fork'), { code: 'EAGAIN' }),
    );
  }

  /** What to do about it. Command names begin with that of the program. */
  get hint(): string | undefined {
    const [program = ''] = this.#command.split(' ', 1);
    return this.isMissing ? `install ${program}, or put its directory into PATH` : undefined;
  }

  /** No program has that name. */
  get isMissing(): boolean {
    return this.code === 'ENOENT';
  }

  /** The system lets us start no process at all; later it may again. */
  get isExhausted(): boolean {
    return this.code !== undefined && EXHAUSTED.has(this.code);
  }
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
}

function explainStart(code: string | undefined, cause: unknown): string {
  switch (code) {
    case 'ENOENT':
      return 'there is no such program (ENOENT)';
    case 'EAGAIN':
      return 'the limit of processes is reached (EAGAIN)';
    case 'ENOMEM':
      return 'there is not enough memory (ENOMEM)';
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open (${code})`;
    case undefined:
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Sends a signal to a whole process group; tells whether there is one. */
export function signalGroup(leader: number | undefined, signal: NodeJS.Signals): boolean {
  // 0 would be our own.
  if (leader === undefined || !(leader > 1)) return false;
  try {
    return process.kill(-leader, signal);
  } catch {
    // It has ended meanwhile.
    return false;
  }
}
