#!/usr/bin/env node
// The only file of the program that touches `process`.
import { formatComplaint } from './complaint.ts';
import { runProgram } from './program.ts';

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
  });
} catch (error) {
  process.stderr.write(formatComplaint(error));
  process.exitCode = 2;
}
setTimeout(() => process.exit(), LINGER).unref();
