import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookasideProcess } from './lookaside.ts';
import type { RunResult } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface Measured extends RunResult {
  /** The most memory that the program held at once, in bytes; that of its children not counted. */
  readonly peak: number;
}

/**
 * Runs at the end of the program that is measured. What getrusage tells would not do: a process
 * inherits the peak of the one that started it.
 */
const REPORT = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const write = () => writeFileSync(process.env.STATUS_FILE, readFileSync('/proc/self/status'));
  process.on('exit', write);
`;

/** Runs `lookaside …` to its end, and says what memory that took. */
export async function measureLookaside(
  args: readonly string[],
  timeout = 240_000,
): Promise<Measured> {
  const directory = await makeTemporary();
  const file = join(directory, 'status');
  const hook = `data:text/javascript,${encodeURIComponent(REPORT)}`;
  const result = await runLookasideProcess(args, {
    timeout,
    env: { NODE_OPTIONS: `--import=${hook}`, STATUS_FILE: file },
  });
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(file, 'utf8')) ?? [];
  const peak = Number(kibibytes) * 1024;
  await removeTemporary(directory);
  return { ...result, peak };
}
