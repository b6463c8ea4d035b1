// What a run measured, as it goes to JSON and comes back from it.
import { z } from 'zod';
import type { Spread } from './statistics.ts';

export const PART_NAMES = [
  'lookups',
  'verify',
  'keys',
  'refresh',
  'fanout',
  'memory',
  'start',
  'generate',
  'push',
  'load',
  'hostile',
] as const;
export type PartName = (typeof PART_NAMES)[number];

const spread = z.object({
  median: z.number(),
  min: z.number(),
  max: z.number(),
  runs: z.int(),
}) satisfies z.ZodType<Spread>;

const row = z.object({
  /** Who did it: `lookaside`, `nginx`, … */
  subject: z.string(),
  /** What was measured. */
  figure: z.string(),
  unit: z.string(),
  spread,
});

const goal = z.object({
  what: z.string(),
  /** `at least 10 ×` */
  limit: z.string(),
  got: z.string(),
  isMet: z.boolean(),
});

const chart = z.object({
  /** Of its file, `performance-NAME.svg`. */
  name: z.string().regex(/^[a-z-]+$/),
  title: z.string(),
  xLabel: z.string(),
  yLabel: z.string(),
  series: z.array(
    z.object({
      name: z.string(),
      points: z.array(z.object({ x: z.number(), y: z.number() })),
    }),
  ),
});

const part = z.object({
  part: z.enum(PART_NAMES),
  title: z.string(),
  measuredAt: z.iso.datetime(),
  seconds: z.number(),
  rows: z.array(row),
  goals: z.array(goal),
  notes: z.array(z.string()),
  charts: z.array(chart),
});

const machine = z.object({
  processor: z.string(),
  cores: z.int(),
  memory: z.string(),
  kernel: z.string(),
  programs: z.record(z.string(), z.string()),
});

export const benchResult = z.object({
  format: z.literal(1),
  machine,
  parts: z.array(part),
});

export type Row = z.infer<typeof row>;
export type Goal = z.infer<typeof goal>;
export type Chart = z.infer<typeof chart>;
export type PartResult = z.infer<typeof part>;
export type Machine = z.infer<typeof machine>;
export type BenchResult = z.infer<typeof benchResult>;
/** What a part itself gives. */
export type Findings = Pick<PartResult, 'rows' | 'goals' | 'notes' | 'charts'>;
