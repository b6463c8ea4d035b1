/**
 * The test files of a run, those that take the longest first: one that begins last is waited for at
 * the end. How long they took is kept from run to run, out of the repository.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '../..');
const KEPT = join(ROOT, 'node_modules/.cache/lookaside-test-times.json');
const times = z.record(z.string(), z.number());

/** `npm test`, or `npm run test:long`. */
export type RunLength = 'short' | 'long';

/** Where most of a run's time goes. Of a file that has not run here yet, this is all that is known. */
const LONG_ROOMS = ['test/e2e/', 'test/generator/sources/', 'test/cli/'];
/** `npm run test:long` runs these. */
const LONG = /^test\/long\/|\.long(?:\.alone)?\.test\.ts$/;
/** And these, which `npm test` has in a smaller size, in their full one. */
const IN_TWO_SIZES = /\batLength\(/;
const ALONE = '.alone.test.ts';

/** Paths of all test files of a run, those that want the machine for themselves apart. */
export function listTestFiles(length: RunLength): {
  readonly beside: string[];
  readonly alone: string[];
} {
  const names = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });
  const kept = readTimes();
  const files = names
    .map((name) => join('test', name))
    .filter((path) => path.endsWith('.test.ts') && isOf(length, path))
    .toSorted((one, other) => timeOf(other, kept) - timeOf(one, kept) || (one < other ? -1 : 1));
  return {
    beside: files.filter((path) => !path.endsWith(ALONE)),
    alone: files.filter((path) => path.endsWith(ALONE)),
  };
}

function isOf(length: RunLength, path: string): boolean {
  if (LONG.test(path)) return length === 'long';
  return length === 'short' || IN_TWO_SIZES.test(readFileSync(join(ROOT, path), 'utf8'));
}

/** Keeps how many milliseconds files took, for the next run. */
export function keepTimes(
  files: readonly { readonly file: string; readonly milliseconds: number }[],
): void {
  const all = files.map(({ file, milliseconds }) => [file, Math.round(milliseconds)]);
  mkdirSync(dirname(KEPT), { recursive: true });
  writeFileSync(KEPT, JSON.stringify({ ...readTimes(), ...Object.fromEntries(all) }));
}

/** Nothing where nothing was kept, or what was kept is damaged: then the order is worse, no more. */
function readTimes(): Readonly<Record<string, number>> {
  try {
    return times.parse(JSON.parse(readFileSync(KEPT, 'utf8')));
  } catch {
    return {};
  }
}

function timeOf(path: string, kept: Readonly<Record<string, number>>): number {
  const room = LONG_ROOMS.findIndex((name) => path.startsWith(name));
  return kept[path] ?? (room < 0 ? 0 : Number.MAX_SAFE_INTEGER - room);
}
