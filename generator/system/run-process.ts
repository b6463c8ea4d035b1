// Every child process that this process starts itself. It leads a group of its own, of which
// nothing is left once it has ended: what it started and left behind is killed. What it prints is
// read as it comes, up to a limit; its silence and its whole time are limited too. Whoever went off
// into another session and holds its pipes is not waited for.
import { type ChildProcess, spawn } from 'node:child_process';
import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import { OutputTail } from './output-tail.ts';
import {
  type ProcessLimits,
  ProcessLimitError,
  ProcessStartError,
  ProcessStoppedError,
  signalGroup,
} from './process-limits.ts';
import { processStarts } from './process-starts.ts';

/** A killed process that has not ended by then hangs in the kernel. Milliseconds. */
export const KILL_GRACE = 2000;
/** How long pipes are read on that somebody holds whose process has ended. Milliseconds. */
const PIPE_GRACE = 1000;
/** What is kept of a complaint. Bytes. */
export const COMPLAINT_BYTES = 64 * 1024;

export interface ProcessOptions {
  /** That of this process where it is left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where it works; where this process does if it is left out. */
  readonly directory?: string;
  /** Where one is left out, there is none. */
  readonly limits: Partial<ProcessLimits>;
  /** Once aborted, the process is stopped. */
  readonly ending?: AbortSignal | undefined;
  /** Whether there is something for it to read. */
  readonly hasInput?: boolean;
  /** Bytes that it may write to its file descriptor 3, which is closed where this is left out. */
  readonly status?: number;
  /**
   * What it may take to clean up when it is told to stop, in milliseconds. It is killed at once
   * where this is left out: what only reads leaves nothing.
   */
  readonly grace?: number;
}

/** How a process ended that nobody stopped. */
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
  readonly #limits: Partial<ProcessLimits>;
  readonly #grace: number;
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

  /** Starts `COMMAND ARGS`, which errors call `name`. Whether that works, `ended` tells. */
  constructor(
    name: string,
    [command, ...args]: readonly [string, ...string[]],
    { environment, directory, limits, ending, hasInput = false, status, grace = 0 }: ProcessOptions,
  ) {
    this.#name = name;
    this.#limits = limits;
    this.#grace = grace;
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
        detached: true,
      });
    } catch (error) {
      this.#failure = error instanceof ProcessStoppedError ? error : this.#toStartError(error);
    }
    this.#end = this.#untilEnd(ending);
    this.#end.catch(() => undefined);
    // What becomes of a process is reported by its end, not by its pipes.
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
   * What it prints, no faster than somebody takes it, who begins at once. Its silence counts while
   * somebody waits.
   * Throws as `ended` rejects. Whoever takes no more stops it.
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
      // A process that was stopped ends what it prints as one does that has said all.
      await this.#end;
    } catch (error) {
      // Where the pipe was closed from here, the end says why.
      await this.#end;
      throw error;
    } finally {
      this.expectOutput(false);
      if (stdout?.readableEnded !== true) this.stop();
    }
  }

  /** From now on it may be silent no longer than its limit, or as long as it likes. */
  expectOutput(isExpected: boolean): void {
    if (this.#isExpected === isExpected) return;
    this.#isExpected = isExpected;
    clearTimeout(this.#silence);
    const { silence } = this.#limits;
    if (!isExpected || silence === undefined || this.#hasExited) return;
    this.#silence = setTimeout(() => this.#exceed('silence', silence), silence);
  }

  /** Stops it, and all that it started. */
  stop(error: Error = new ProcessStoppedError(this.#name)): void {
    const pid = this.#child?.pid;
    if (this.#hasExited || this.#stopping.length > 0) return;
    this.#failure ??= error;
    if (pid === undefined) return;
    signalGroup(pid, this.#grace > 0 ? 'SIGTERM' : 'SIGKILL');
    this.#stopping = [
      setTimeout(() => void signalGroup(pid, 'SIGKILL'), this.#grace),
      setTimeout(() => this.#abandon(), this.#grace + KILL_GRACE),
    ];
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
      // Whoever was left behind in the group would hold its pipes, and might go on for hours.
      signalGroup(child.pid, 'SIGKILL');
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

  /** Settles when its pipes are read to their ends, or nothing comes any more. */
  async #untilRead(child: ChildProcess): Promise<void> {
    const pipes = pipesOf(child);
    let before = -1;
    const ticks = setInterval(() => {
      // As long as nobody takes what it printed, that waits in its pipe.
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
    const error = new ProcessStartError(this.#name, cause);
    processStarts.failed(error);
    return error;
  }
}

/** Those that it writes to. */
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
