/** What each test file took of the processors, its processes with it: `npm test` is short of that. */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { z } from 'zod';
import { appendRecord, readRecords } from './run-directory.ts';

const COSTS = 'costs';
const STAT = '/proc/self/stat';
/** Linux counts a hundred of them in a second, whatever the kernel's own tick is. */
const MILLISECONDS_A_TICK = 10;
/** Of proc_pid_stat(5), after the name: utime, stime, cutime and cstime. */
const [FIRST_TIME, AFTER_TIMES] = [11, 15];

const cost = z.object({ file: z.string(), milliseconds: z.number() });

let counted = 0;

/** Notes for a file all that this process took since it noted anything, or since it began. */
export function addCost(file: string): void {
  if (!existsSync(STAT)) return;
  const total = readProcessorTime();
  appendRecord(COSTS, { file: relative('.', file), milliseconds: total - counted });
  counted = total;
}

/** What the files of this run took, by their paths; empty where there is no /proc. */
export function readCosts(): ReadonlyMap<string, number> {
  const costs = new Map<string, number>();
  for (const record of readRecords(COSTS)) {
    const { file, milliseconds } = cost.parse(record);
    costs.set(file, (costs.get(file) ?? 0) + milliseconds);
  }
  return costs;
}

/** Of this process, and of those below it that have ended. */
function readProcessorTime(): number {
  const fields = readFileSync(STAT, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = fields.slice(FIRST_TIME, AFTER_TIMES).map(Number);
  return ticks.reduce((sum, some) => sum + some, 0) * MILLISECONDS_A_TICK;
}
