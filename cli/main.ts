#!/usr/bin/env node
// The only file of the program that touches `process`.
import { formatComplaint } from './complaint.ts';

/** Nobody else does for process 1 what a signal does to any other process. */
const isInit = process.pid === 1;
if (isInit) {
  // Before what takes long to load. Who cleans up at a signal listens too, and this is not for them.
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(process.exitCode ?? 128 + number);
    });
  }
}
const { runProgram } = await import('./program.ts');

// A reader that goes away (`lookaside check … | head`) is no reason to crash.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** How long what still holds the process, as the transport of a git that was stopped, may do so. Milliseconds. */
const LINGER = 1000;

try {
  process.exitCode = await runProgram(process.argv.slice(2), {
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signals: process,
    openssl: process.versions.openssl,
    isInit,
  });
} catch (error) {
  process.stderr.write(formatComplaint(error));
  process.exitCode = 2;
}
setTimeout(() => process.exit(), LINGER).unref();
