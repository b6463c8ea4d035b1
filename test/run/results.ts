// What the passes of a run found, and what is said of it at the end.
import { z } from 'zod';
import { appendRecord, readRecords } from './run-directory.ts';

const PASSES = 'passes';
const SECOND = 1000;
const COLUMN = 14;
const MOST_COSTLY = 8;

const fileTime = z.object({ file: z.string(), milliseconds: z.number(), tests: z.number() });
const pass = z.object({
  passes: z.number(),
  pending: z.number(),
  failures: z.number(),
  /** As mocha prints failures; empty without any. */
  failed: z.string(),
  files: z.array(fileTime).readonly(),
});

export type FileTime = z.infer<typeof fileTime>;
export type Pass = z.infer<typeof pass>;

/** Keeps what a pass found until the end of the run. */
export function addPass(found: Pass): void {
  appendRecord(PASSES, found);
}

/** What the passes found that ran to their end. */
export function readPasses(): readonly Pass[] {
  return readRecords(PASSES).map((record) => pass.parse(record));
}

/**
 * The end of a run: how long the tests of each room took (its hooks with it; rooms run beside each
 * other, so that these make more than the whole), what they cost of the processors, how many there
 * were, and what failed.
 */
export function formatResults(
  passes: readonly Pass[],
  costs: ReadonlyMap<string, number>,
  seconds: number,
): string {
  const sum = (name: 'passes' | 'pending' | 'failures'): number =>
    passes.reduce((total, found) => total + found[name], 0);
  const pending = sum('pending') === 0 ? '' : `, ${sum('pending')} pending`;
  const counts = `${sum('passes')} passed, ${sum('failures')} failed${pending}`;
  return [
    ...passes.map(({ failed }) => failed).filter((failed) => failed !== ''),
    ...formatRooms(
      passes.flatMap(({ files }) => files),
      costs,
    ),
    formatMostCostly(costs),
    `${counts} in ${Math.round(seconds)} s, of processors ${inSeconds(sumOf(costs.values()))} s`,
  ].join('\n');
}

function formatMostCostly(costs: ReadonlyMap<string, number>): string {
  const files = [...costs].toSorted(([, one], [, other]) => other - one).slice(0, MOST_COSTLY);
  const told = files.map(([file, cost]) => `${file.replace(/^test\//, '')} ${inSeconds(cost)}`);
  return `most of the processors: ${told.join(', ')}`;
}

/** A line a room, the longest first; the parts of a room that has some after it. */
function formatRooms(
  files: readonly FileTime[],
  costs: ReadonlyMap<string, number>,
): readonly string[] {
  return sumsBy(files, ({ file }) => roomOf(file)[0]).map(({ name, own, milliseconds, tests }) => {
    const cost = sumOf(own.map(({ file }) => costs.get(file) ?? 0));
    const times = [milliseconds, cost].map((time) => `${inSeconds(time).padStart(5)} s`);
    const line = `${name.padEnd(COLUMN)}${times.join(' ')}${String(tests).padStart(6)} tests`;
    const parts = sumsBy(own, ({ file }) => roomOf(file)[1]).map(
      (part) => `${part.name} ${inSeconds(part.milliseconds)}`,
    );
    return parts.length > 1 ? `${line}   ${parts.join(', ')}` : line;
  });
}

interface Sum extends Pick<FileTime, 'milliseconds' | 'tests'> {
  readonly name: string;
  readonly own: readonly FileTime[];
}

/** The sums of the files of each name, the longest first. */
function sumsBy(files: readonly FileTime[], nameOf: (file: FileTime) => string): readonly Sum[] {
  return [...new Set(files.map(nameOf))]
    .map((name) => {
      const own = files.filter((file) => nameOf(file) === name);
      const add = (what: 'milliseconds' | 'tests'): number =>
        own.reduce((sum, file) => sum + file[what], 0);
      return { name, own, milliseconds: add('milliseconds'), tests: add('tests') };
    })
    .toSorted((one, other) => other.milliseconds - one.milliseconds);
}

/** The folder below `test/`, and the one below that. */
function roomOf(file: string): readonly [string, string] {
  const [, room = '', part = ''] = file.split('/').slice(0, -1);
  return [room || 'test', part || 'itself'];
}

function sumOf(numbers: Iterable<number>): number {
  return [...numbers].reduce((sum, number) => sum + number, 0);
}

const inSeconds = (milliseconds: number): string => `${Math.round(milliseconds / SECOND)}`;
