import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from './lookaside.ts';
import type { RunResult } from './run.ts';
import { makeTemporary, removeTemporary } from './temporary.ts';

export interface Measured extends RunResult {
  /** The most memory that the program held at once, in bytes; that of its children not counted. */
  readonly peak: number;
  /** Milliseconds from its start to its end. */
  readonly took: number;
}

/** Runs at the end of the program that is measured. */
const REPORT = `
  import { writeFileSync } from 'node:fs';
  const write = () => writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS));
  process.on('exit', write);
`;

/** Runs `lookaside …` to its end, and says what that took. */
export async function measureLookaside(
  args: readonly string[],
  timeout = 120_000,
): Promise<Measured> {
  const directory = await makeTemporary();
  const file = join(directory, 'peak');
  const hook = `data:text/javascript,${encodeURIComponent(REPORT)}`;
  const start = performance.now();
  const result = await runLookaside(args, {
    timeout,
    env: { NODE_OPTIONS: `--import=${hook}`, PEAK_FILE: file },
  });
  const took = performance.now() - start;
  const peak = Number(await readFile(file, 'utf8')) * 1024;
  await removeTemporary(directory);
  return { ...result, peak, took };
}
