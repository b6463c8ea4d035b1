// The one way to start a child process. It leads a process group of its own, and when it ends, the
// rest of the group is killed. Its output is read as it comes, up to a limit; how long it may be
// silent, and how long it may run, are limited too. A process that left for another session is not
// waited for, even if it holds the pipes.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import { hasCode } from '../terms/errors.ts';
import { OutputTail } from './output-tail.ts';
import {
  type ProcessLimits,
  ProcessLimitError,
  ProcessStartError,
  ProcessStoppedError,
  signalGroup,
} from './process-limits.ts';
import { processStarts } from './process-starts.ts';

/** A killed process that has not ended after this time hangs in the kernel. Milliseconds. */
export const KILL_GRACE = 2000;
/** How long silent pipes are still read after the process has ended. Milliseconds. */
const PIPE_GRACE = 1000;
/** How much is kept of the end of stderr. Bytes. */
export const COMPLAINT_BYTES = 64 * 1024;

export interface ProcessOptions {
  /** Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The working directory. Default: that of this process. */
  readonly directory?: string;
  /** A limit that is left out does not apply. */
  readonly limits: Partial<ProcessLimits>;
  /** Once aborted, the process is stopped. */
  readonly ending?: AbortSignal | undefined;
  /** Whether there is something for it to read. */
  readonly hasInput?: boolean;
  /** Bytes that it may write to file descriptor 3, which is closed if this is left out. */
  readonly status?: number;
  /**
   * How long it may clean up after it was told to stop, in milliseconds. If this is left out, it is
   * killed at once: a process that only reads has nothing to clean up.
   */
  readonly grace?: number;
  /**
   * Whether it may ask people at the terminal, as git does for a password. It stays in the process
   * group of this process then, so that only it is stopped, and not what it started.
   */
  readonly asksPeople?: boolean;
}

/** How a process ended, unless it was stopped. */
export interface ProcessEnd {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote for people, as it is. */
  readonly stderr: string;
  /** What it wrote to file descriptor 3. */
  readonly status: Buffer;
}

/** A process whose output is to be read, by `readTo` or `chunks`. */
export class BoundedProcess {
  readonly #name: string;
  readonly #directory: string | undefined;
  readonly #limits: Partial<ProcessLimits>;
  readonly #grace: number;
  readonly #leadsGroup: boolean;
  readonly #child: ChildProcess | undefined;
  readonly #end: Promise<ProcessEnd>;
  readonly #complaint = new OutputTail(COMPLAINT_BYTES);
  readonly #status: Buffer[] = [];
  #failure: Error | undefined;
  #hasExited = false;
  #isExpected = false;
  /** What came from its pipes in all. Bytes. */
  #received = 0;
  #silence: NodeJS.Timeout | undefined;
  #stopping: readonly NodeJS.Timeout[] = [];
  #abandon: () => void = () => undefined;

  /** Starts `COMMAND ARGS`; errors call it `name`. If it cannot be started, `ended` rejects. */
  constructor(
    name: string,
    [command, ...args]: readonly [string, ...string[]],
    {
      environment,
      directory,
      limits,
      ending,
      hasInput = false,
      status,
      grace = 0,
      asksPeople = false,
    }: ProcessOptions,
  ) {
    this.#name = name;
    this.#directory = directory;
    this.#limits = limits;
    this.#grace = grace;
    this.#leadsGroup = !asksPeople;
    try {
      if (ending?.aborted) throw new ProcessStoppedError(name);
      this.#child = spawn(command, args, {
        ...(environment && { env: { ...environment } }),
        ...(directory !== undefined && { cwd: directory }),
        stdio: [
          hasInput ? 'pipe' : 'ignore',
          'pipe',
          'pipe',
          status === undefined ? 'ignore' : 'pipe',
        ],
        detached: this.#leadsGroup,
      });
    } catch (error) {
      this.#failure = error instanceof ProcessStoppedError ? error : this.#toStartError(error);
    }
    this.#end = this.#untilEnd(ending);
    this.#end.catch(() => undefined);
    // Errors are reported by `ended`, not by the pipes.
    for (const pipe of this.#child?.stdio ?? []) pipe?.on('error', () => undefined);
    this.#child?.stderr?.on('data', this.#counting('stderr', limits.stderr, this.#complaint));
    if (status === undefined) return;
    const kept = { push: (chunk: Buffer) => void this.#status.push(chunk) };
    this.#child?.stdio?.[3]?.on('data', this.#counting('stderr', status, kept));
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where it reads from; undefined where it could not be started, or reads nothing. */
  get stdin(): Writable | undefined {
    return this.#child?.stdin ?? undefined;
  }

  /**
   * How it ended, once all is read that it wrote. Rejects with a ProcessStartError, a
   * ProcessLimitError, a ProcessStoppedError, or with what `stop` was given.
   */
  async ended(): Promise<ProcessEnd> {
    return this.#end;
  }

  /** Gives what it prints to a callback, which must be quick. */
  readTo(onChunk: (chunk: Buffer) => void): void {
    const target = { push: onChunk };
    this.#child?.stdout?.on('data', this.#counting('stdout', this.#limits.stdout, target));
  }

  /**
   * What it prints, as fast as the caller reads, who must begin at once. Its silence counts only
   * while the caller waits. Throws what `ended` rejects with. To stop reading is to stop the process.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    const stdout = this.#child?.stdout;
    const count = this.#counting('stdout', this.#limits.stdout);
    try {
      const reading: AsyncIterator<Buffer> | undefined = stdout?.[Symbol.asyncIterator]();
      for (;;) {
        this.expectOutput(true);
        const next = await reading?.next();
        this.expectOutput(false);
        if (next === undefined || next.done === true) break;
        count(next.value);
        yield next.value;
      }
      // To the reader, the output of a stopped process ends like that of one that has finished.
      await this.#end;
    } catch (error) {
      // If we closed the pipe ourselves, `ended` says why.
      await this.#end;
      throw error;
    } finally {
      this.expectOutput(false);
      if (stdout?.readableEnded !== true) this.stop();
    }
  }

  /** Switches the limit of its silence on or off. */
  expectOutput(isExpected: boolean): void {
    if (this.#isExpected === isExpected) return;
    this.#isExpected = isExpected;
    clearTimeout(this.#silence);
    const { silence } = this.#limits;
    if (!isExpected || silence === undefined || this.#hasExited || !this.#child) return;
    this.#silence = setTimeout(() => this.#exceed('silence', silence), silence);
  }

  /** Stops it, and all that it started. */
  stop(error: Error = new ProcessStoppedError(this.#name)): void {
    if (this.#hasExited || this.#stopping.length > 0) return;
    this.#failure ??= error;
    if (this.#child?.pid === undefined) return;
    this.#signal(this.#grace > 0 ? 'SIGTERM' : 'SIGKILL');
    this.#stopping = [
      setTimeout(() => this.#signal('SIGKILL'), this.#grace),
      setTimeout(() => this.#abandon(), this.#grace + KILL_GRACE),
    ];
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#leadsGroup) signalGroup(this.#child?.pid, signal);
    else this.#child?.kill(signal);
  }

  async #untilEnd(ending: AbortSignal | undefined): Promise<ProcessEnd> {
    const child = this.#child;
    if (!child) throw this.#failure ?? new ProcessStoppedError(this.#name);
    const stop = (): void => this.stop();
    ending?.addEventListener('abort', stop, { once: true });
    const { deadline } = this.#limits;
    const timer = deadline && setTimeout(() => this.#exceed('deadline', deadline), deadline);
    try {
      const [exitCode, signal] = await this.#untilExit(child);
      this.#hasExited = true;
      // Processes left behind in the group would hold the pipes, and might run for hours.
      if (this.#leadsGroup) signalGroup(child.pid, 'SIGKILL');
      clearTimeout(this.#silence);
      if (!this.#failure) await this.#untilRead(child);
      if (this.#failure) throw this.#failure;
      const status = Buffer.concat(this.#status);
      return { exitCode, signal, stderr: this.#complaint.text(), status };
    } finally {
      this.#hasExited = true;
      clearTimeout(timer);
      clearTimeout(this.#silence);
      for (const step of this.#stopping) clearTimeout(step);
      ending?.removeEventListener('abort', stop);
      for (const pipe of pipesOf(child)) pipe.destroy(this.#failure);
    }
  }

  async #untilExit(
    child: ChildProcess,
  ): Promise<readonly [exitCode: number | null, signal: NodeJS.Signals | null]> {
    return new Promise((resolve, reject) => {
      this.#abandon = () => resolve([null, 'SIGKILL']);
      child.once('spawn', () => processStarts.worked());
      child.once('error', (error) => reject(this.#toStartError(error)));
      child.once('exit', (exitCode, signal) => resolve([exitCode, signal]));
    });
  }

  /** Settles when the pipes are read to their ends, or nothing comes any more. */
  async #untilRead(child: ChildProcess): Promise<void> {
    const pipes = pipesOf(child);
    let before = -1;
    const ticks = setInterval(() => {
      // While the caller does not read, output waits in the pipe.
      const { stdout } = child;
      const isTaken = this.#isExpected || stdout?.readableFlowing || stdout?.readableEnded;
      if (isTaken && before === this.#received) for (const pipe of pipes) pipe.destroy();
      before = this.#received;
    }, PIPE_GRACE);
    await Promise.allSettled(pipes.map(async (pipe) => finished(pipe, { writable: false })));
    clearInterval(ticks);
  }

  /** Counts what comes from a pipe; stops the process beyond a limit. */
  #counting(
    limit: 'stdout' | 'stderr',
    most: number | undefined,
    target?: { readonly push: (chunk: Buffer) => void },
  ): (chunk: Buffer) => void {
    let size = 0;
    return (chunk) => {
      this.#silence?.refresh();
      this.#received += chunk.length;
      size += chunk.length;
      if (most !== undefined && size > most) this.#exceed(limit, most);
      else target?.push(chunk);
    };
  }

  #exceed(limit: keyof ProcessLimits, value: number): void {
    this.stop(new ProcessLimitError(this.#name, limit, value));
  }

  #toStartError(cause: unknown): ProcessStartError {
    const error = new ProcessStartError(this.#name, this.#findCause(cause));
    processStarts.failed(error);
    return error;
  }

  /** For the system, a program and a working directory that are not there are the same. */
  #findCause(cause: unknown): unknown {
    const place = this.#directory;
    if (place === undefined || !hasCode(cause, 'ENOENT') || existsSync(place)) return cause;
    const message = `there is no directory ${place}`;
    return Object.assign(new Error(message, { cause }), { code: 'ENOTDIR' });
  }
}

/** The pipes that the process writes to. */
function pipesOf({ stdin, stdio }: ChildProcess): readonly Readable[] {
  return (stdio ?? []).filter(
    (pipe): pipe is Readable =>
      pipe !== null && pipe !== undefined && pipe !== stdin && 'read' in pipe,
  );
}

export interface ProcessResult extends ProcessEnd {
  readonly stdout: Buffer;
}

/**
 * Runs `COMMAND ARGS`, which errors call `name`, and gives all that it prints. It reads `input`,
 * or nothing. Rejects with a ProcessStartError, a ProcessLimitError or a ProcessStoppedError.
 */
export async function runProcess(
  name: string,
  command: readonly [string, ...string[]],
  options: Omit<ProcessOptions, 'hasInput'> & {
    readonly limits: ProcessLimits;
    readonly input?: Uint8Array;
  },
): Promise<ProcessResult> {
  const { input } = options;
  const child = new BoundedProcess(name, command, { ...options, hasInput: input !== undefined });
  const pieces: Buffer[] = [];
  child.readTo((chunk) => void pieces.push(chunk));
  child.expectOutput(true);
  child.stdin?.end(input);
  const end = await child.ended();
  return { ...end, stdout: Buffer.concat(pieces) };
}
