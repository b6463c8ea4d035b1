import { EventEmitter } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { formatUsageError } from '../../../cli/base/usage-error.ts';
import { runProgram } from '../../../cli/program.ts';
import { unfailing } from './unfailing.ts';
import { findLine } from '../process/background.ts';
import { eventually } from '../eventually.ts';
import { type Lookaside, SERVING, toLookaside } from './lookaside.ts';
import type { RunOptions } from '../process/run.ts';

/**
 * As `startLookaside`, but in this process, which takes a tenth of the time: for what a server makes
 * of its source and of its state directory. It cannot be killed, and logs no lookups.
 */
export async function startLookasideHere(
  source: string,
  args: readonly string[] = [],
  { env }: Pick<RunOptions, 'env'> = {},
): Promise<Lookaside> {
  const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
  const words = ['serve', source, ...listen, '--access-log', 'none', ...args];
  const [stdout, stderr, signals] = [new Written(), new Written(), new EventEmitter()];
  let exitCode: number | undefined;
  let isStopped = false;
  const ended = runProgram(words, {
    environment: { ...process.env, ...env },
    stdin: Readable.from([]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    signals,
    openssl: process.versions.openssl,
    ...unfailing,
  })
    .catch((error: unknown) => {
      stderr.stream.write(formatUsageError(error));
      return 2;
    })
    .then((code) => (exitCode = code));
  const waitForLine: Lookaside['waitForLine'] = async (pattern, timeout) =>
    eventually(() => {
      const line = findLine(pattern, [stdout.text, stderr.text]);
      if (line !== null) return line;
      throw new Error(`no line like ${pattern}\nstdout: ${stdout.text}\nstderr: ${stderr.text}`);
    }, timeout);
  const found = await Promise.race([waitForLine(SERVING), ended]);
  if (typeof found === 'number') throw new Error(`it ended with ${found}: ${stderr.text}`);
  return toLookaside(found, {
    pid: process.pid,
    stdout: () => stdout.text,
    stderr: () => stderr.text,
    exitCode: () => exitCode,
    waitForLine,
    signal: (signal) => signals.emit(signal),
    async stop() {
      // A second signal would end the process of the tests.
      if (!isStopped) signals.emit('SIGTERM');
      isStopped = true;
      return ended;
    },
  });
}

class Written {
  readonly stream = new PassThrough();
  text = '';

  constructor() {
    this.stream.setEncoding('utf8').on('data', (part: string) => (this.text += part));
  }
}
