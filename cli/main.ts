#!/usr/bin/env node
// The only file of the program that touches `process`. An exception that nobody caught comes here:
// `serve` decides about it (server/troubles/failures.ts), any other command ends with exit code 2.
import { EventEmitter } from 'node:events';
import { formatUsageError, formatStack } from './base/usage-error.ts';

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
// Where the working directory was removed, Node throws at each path that is to be made absolute, also of
// files that lie elsewhere. The kernel knows it on, as a directory in which nothing is and nothing can be.
try {
  process.cwd();
} catch {
  process.cwd = () => `/proc/${process.pid}/cwd`;
}
// With fewer open files than modules not even this can be loaded.
const { runProgram } = await import('./program.ts').catch((error: unknown) => {
  process.stderr.write(formatUsageError(error));
  return process.exit(2);
});

// A reader that goes away (`lookaside check … | head`) is no reason to crash.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** How long what still holds the process, as the transport of a git that was stopped, may do so. Milliseconds. */
const LINGER = 1000;
/** How long a command may take to remove what is temporary when it fails unexpectedly. Milliseconds. */
const TIDY_TIME = 8000;

const failures = new EventEmitter();
let hasFailed = false;
const complain = (error: unknown): void => {
  process.exitCode = 2;
  // What is stopped because of the first failure need not be told.
  if (hasFailed) return;
  const isTraced = /\blookaside\b/.test(process.env['NODE_DEBUG'] ?? '');
  process.stderr.write(formatUsageError(error) + (isTraced ? formatStack(error) : ''));
};
const takeFailure = (error: unknown): void => {
  if (failures.emit('failure', error)) return;
  complain(error);
  hasFailed = true;
  // As if told to stop, and with time to do so: what is temporary is removed. Who does not listen
  // has nothing to remove, and must not go on to make it.
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(2);
  setTimeout(() => process.exit(2), TIDY_TIME).unref();
};
process.on('uncaughtException', takeFailure);
process.on('unhandledRejection', takeFailure);

try {
  const exitCode = await runProgram(process.argv.slice(2), {
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signals: process,
    failures,
    exit: (code) => process.exit(code),
    openssl: process.versions.openssl,
    node: { version: process.version, cpuUsage: () => process.cpuUsage() },
    ids: { pid: process.pid, parentPid: process.ppid },
    isInit,
  });
  process.exitCode = hasFailed ? 2 : exitCode;
} catch (error) {
  complain(error);
}
setTimeout(() => process.exit(), LINGER).unref();
