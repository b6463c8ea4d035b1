import { EventEmitter } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { ProcessIo } from '../../../cli/base/process-io.ts';
import { formatUsageError } from '../../../cli/base/usage-error.ts';
import { runProgram } from '../../../cli/program.ts';
import { unfailing } from './unfailing.ts';

export interface ProgramResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface InProcessOptions {
  readonly input?: string | Uint8Array;
  /** May send it signals. */
  readonly onStart?: (signals: EventEmitter) => void;
  /** Whether it takes its streams for a terminal. */
  readonly isTTY?: boolean;
}

/** Runs `lookaside …` in this process, to its end. */
export async function runInProcess(
  args: readonly string[],
  environment: ProcessIo['environment'] = {},
  { input = '', onStart, isTTY = false }: InProcessOptions = {},
): Promise<ProgramResult> {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const written = Promise.all([buffer(stdout), text(stderr)]);
  const stdin = Readable.from([Buffer.from(input)]);
  const signals = new EventEmitter();
  const io = { environment, stdin, stdout, stderr, signals, openssl: '3', ...unfailing };
  onStart?.(signals);
  const code = await runProgram(args, io).catch((error: unknown) => {
    stderr.write(formatUsageError(error));
    return 2;
  });
  stdout.end();
  stderr.end();
  const [bytes, said] = await written;
  return { code, stdout: bytes, stderr: said };
}
