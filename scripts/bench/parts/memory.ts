import { setTimeout as sleep } from 'node:timers/promises';
import { askAtRate } from '../client/ask-at-rate.ts';
import { openConnection } from '../client/connection.ts';
import { listLookups } from '../client/lookups.ts';
import type { Bench, Part } from '../part.ts';
import { readResident } from '../process/proc.ts';
import { serveLookaside } from '../process/serve-lookaside.ts';
import { atMost } from '../report/goals.ts';
import type { Chart, Goal, Row } from '../report/result.ts';
import { toRow } from '../report/rows.ts';
import { MILLION, formatCount, sizesOf } from '../sizes.ts';
import { withCleanup } from '../with-cleanup.ts';

const MEGABYTE = 1e6;
const KILOBYTE = 1e3;
/** What the program and its runtime may take whatever they serve. */
const BASE = 150 * MEGABYTE;
const MOST_KILOBYTES = 1.5;
const IDLE = 4_000;
const ASKED_IMAGES = 5_000;
const RATE = 4_000;

/** One store. */
interface Point {
  /** Its size. */
  readonly x: number;
  /** Of a signature, above the base; kB. */
  readonly y: number;
  /** MB. */
  readonly resident: number;
}

/** What a store takes in memory. */
export const memory: Part = {
  name: 'memory',
  title: 'Memory over the size of the store',
  tools: ['git'],
  measure: async (bench) => {
    const rows: Row[] = [];
    const goals: Goal[] = [];
    const points: Point[] = [];
    for (const size of sizesOf([10_000, 100_000], bench.isFull)) {
      const { loaded, asked } = await measure(bench, size);
      const above = Math.max(0, asked - BASE) / size / KILOBYTE;
      const of = `at ${formatCount(size)}`;
      rows.push(toRow('lookaside', `resident after loading, ${of}`, 'MB', [loaded / MEGABYTE]));
      rows.push(toRow('lookaside', `resident after lookups, ${of}`, 'MB', [asked / MEGABYTE]));
      rows.push(toRow('lookaside', `above the base, a signature, ${of}`, 'kB', [above]));
      points.push({ x: size, y: above, resident: asked / MEGABYTE });
      if (size !== MILLION) continue;
      goals.push(atMost(`memory of a signature, ${of}`, above, MOST_KILOBYTES, 'kB'));
    }
    const [smallest, largest] = [points[0], points.at(-1)];
    if (smallest && largest) {
      const bytes = (largest.resident - smallest.resident) * MEGABYTE;
      const more = bytes / (largest.x - smallest.x) / KILOBYTE;
      const from = `from ${formatCount(smallest.x)} to ${formatCount(largest.x)}`;
      rows.push(toRow('lookaside', `each signature more, ${from}`, 'kB', [more]));
    }
    return {
      rows,
      goals,
      notes: [
        `The base is ${BASE / MEGABYTE} MB; kB are 1000 bytes. Resident memory is that of the process and its children, ${IDLE / 1000} s after the store was loaded, and once more after ${formatCount(2 * ASKED_IMAGES)} lookups.`,
        ...(bench.isFull ? [] : [`The goal is for ${formatCount(MILLION)}: measured with --full.`]),
      ],
      charts: toCharts(points),
    };
  },
};

async function measure({ data, say }: Bench, size: number) {
  return withCleanup(async (scope) => {
    const options = { source: await data.repository(size), keyFile: data.keyFile, expected: size };
    const home = await scope.directory();
    const server = scope.keep(await serveLookaside({ ...options, home }));
    await sleep(IDLE);
    const loaded = readResident(server.pid);
    const connection = await openConnection(server.baseUrl);
    const lookups = await listLookups(data, ASKED_IMAGES);
    const { wrong } = await askAtRate([connection], lookups, { rate: RATE, count: lookups.length });
    connection.close();
    if (wrong > 0) throw new Error(`${wrong} lookups were not answered right`);
    await sleep(IDLE);
    const asked = readResident(server.pid);
    say(`${formatCount(size)}: ${Math.round(asked / MEGABYTE)} MB`);
    return { loaded, asked };
  });
}

function toCharts(points: readonly Point[]): Chart[] {
  const xLabel = 'signatures in the store';
  const limitAt = (x: number): number => (BASE + x * MOST_KILOBYTES * KILOBYTE) / MEGABYTE;
  return [
    {
      name: 'memory',
      title: `Memory of a signature, above the base of ${BASE / MEGABYTE} MB`,
      xLabel,
      yLabel: 'kB a signature',
      series: [
        { name: 'lookaside', points: points.map(({ x, y }) => ({ x, y })) },
        { name: 'goal', points: points.map(({ x }) => ({ x, y: MOST_KILOBYTES })) },
      ],
    },
    {
      name: 'resident',
      title: 'Resident memory',
      xLabel,
      yLabel: 'MB',
      series: [
        { name: 'lookaside', points: points.map(({ x, resident }) => ({ x, y: resident })) },
        { name: 'goal', points: points.map(({ x }) => ({ x, y: limitAt(x) })) },
      ],
    },
  ];
}
