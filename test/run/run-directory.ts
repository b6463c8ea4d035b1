/**
 * A directory that lasts as long as a run of the tests, for all its processes: mocha's parallel
 * workers, and its two passes in `npm test`. Who starts a run makes it and names it in the
 * environment; all others find it there.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'TEST_RUN_DIRECTORY';

/** Makes the directory, unless somebody who started this process did; true when this one did. */
export function openRunDirectory(): boolean {
  if (process.env[VARIABLE] !== undefined) return false;
  process.env[VARIABLE] = mkdtempSync(join(tmpdir(), 'la-run-'));
  return true;
}

/** Adds a line to a file of the run. Safe from several processes: short appends are whole. */
export function appendRecord(file: string, record: unknown): void {
  appendFileSync(pathOf(file), `${JSON.stringify(record)}\n`);
}

/** All records of a file of the run, in the order they came. */
export function readRecords(file: string): readonly unknown[] {
  if (!existsSync(pathOf(file))) return [];
  const lines = readFileSync(pathOf(file), 'utf8').split('\n').filter(Boolean);
  return lines.map((line): unknown => JSON.parse(line));
}

/** Removes the directory; for the process that made it. */
export function removeRunDirectory(): void {
  rmSync(pathOf('.'), { recursive: true, force: true });
  delete process.env[VARIABLE];
}

function pathOf(file: string): string {
  const directory = process.env[VARIABLE];
  if (directory === undefined) throw new Error('no run of the tests was opened');
  return join(directory, file);
}
