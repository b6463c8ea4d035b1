import { EventEmitter } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { World } from '../../cli/base/process-io.ts';
import { formatComplaint } from '../../cli/base/usage-error.ts';
import { runProgram } from '../../cli/program.ts';
import { unfailing } from './unfailing.ts';

export interface ProgramResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Runs `lookaside …` in this process, to its end; `onStart` may send it signals. With `isTTY` it takes
 * its streams for a terminal.
 */
export async function runInProcess(
  args: readonly string[],
  environment: World['environment'] = {},
  onStart: (signals: EventEmitter) => void = () => undefined,
  isTTY = false,
): Promise<ProgramResult> {
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const written = Promise.all([buffer(stdout), text(stderr)]);
  const stdin = Readable.from([]);
  const signals = new EventEmitter();
  const world = { environment, stdin, stdout, stderr, signals, openssl: '3', ...unfailing };
  onStart(signals);
  const code = await runProgram(args, world).catch((error: unknown) => {
    stderr.write(formatComplaint(error));
    return 2;
  });
  stdout.end();
  stderr.end();
  const [bytes, said] = await written;
  return { code, stdout: bytes, stderr: said };
}
