// How many lookups there were, by outcome: since the start, and in each minute of the last hour.
// Adding one costs a few numbers, and the memory is bounded: minutes without lookups take none.
import type { Outcome } from '../lookups/lookup.ts';
import { type DurationCounts, createDurationCounts } from './duration-counts.ts';

export type OutcomeCounts = Readonly<Record<Outcome, number>>;

/** What nodes got in one minute. */
export interface MinuteCounts extends Pick<
  OutcomeCounts,
  'served' | 'end' | 'unsigned' | 'unknown' | 'loading'
> {
  /** When the minute began, ISO 8601. */
  readonly at: string;
}

export interface LookupCounts {
  /** Counts a lookup that is answered now; `startedAt` by the same clock as `elapsed`. */
  readonly add: (outcome: Outcome, startedAt: number) => void;
  /** Since the start. */
  readonly totals: () => OutcomeCounts;
  readonly formatDurations: DurationCounts['format'];
  /** The last 60 whole minutes, the oldest first; those before the start have zeros. */
  readonly lastHour: () => readonly MinuteCounts[];
  /** Since when all are counted; milliseconds since 1970. */
  readonly startedAt: number;
}

/** Both in milliseconds. */
export interface Clocks {
  /** A clock that never jumps. */
  readonly elapsed: () => number;
  /** Since 1970. */
  readonly now: () => number;
}

interface Minute {
  /** By the clock that never jumps. */
  readonly number: number;
  readonly counts: Record<Outcome, number>;
}

/** In seconds: from a lookup that is answered at once to one that kept a node waiting. */
const BOUNDS = [
  0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
  0.05, 0.1, 0.25, 0.5, 1,
];
const MINUTE = 60_000;
/** Whole minutes that are kept. */
const HOUR = 60;

/** Makes the counts; all are 0. Minutes begin with those of the wall clock as it is now. */
export function createLookupCounts({ elapsed, now }: Clocks): LookupCounts {
  const begunAt = now();
  const offset = begunAt - elapsed();
  const toNumber = (time: number): number => Math.floor((time + offset) / MINUTE);
  const durations = createDurationCounts(BOUNDS);
  /** Of all minutes before the current one. */
  const before = countNothing();
  /** Minutes before the current one, the oldest first. */
  let minutes: readonly Minute[] = [];
  let current: Minute = { number: toNumber(elapsed()), counts: countNothing() };
  let currentEnd = (current.number + 1) * MINUTE - offset;

  const beginMinute = (number: number): void => {
    addTo(before, current.counts);
    minutes = [...minutes, current].filter((minute) => minute.number >= number - HOUR);
    current = { number, counts: countNothing() };
    currentEnd = (number + 1) * MINUTE - offset;
  };

  return {
    startedAt: begunAt,
    add: (outcome, startedAt) => {
      const endedAt = elapsed();
      if (endedAt >= currentEnd) beginMinute(toNumber(endedAt));
      current.counts[outcome]++;
      durations.add((endedAt - startedAt) / 1000);
    },
    totals: () => {
      const totals = { ...before };
      addTo(totals, current.counts);
      return totals;
    },
    formatDurations: durations.format,
    lastHour: () => {
      const time = elapsed();
      const running = toNumber(time);
      // Told by the wall clock as it is now, so that the list has no gap where it was set.
      const shift = Math.round((now() - offset - time) / MINUTE);
      const counted = new Map([...minutes, current].map(({ number, counts }) => [number, counts]));
      return Array.from({ length: HOUR }, (_, index) => {
        const number = running - HOUR + index;
        const { served, end, unsigned, unknown, loading } = counted.get(number) ?? countNothing();
        const at = new Date((number + shift) * MINUTE).toISOString();
        return { at, served, end, unsigned, unknown, loading };
      });
    },
  };
}

function countNothing(): Record<Outcome, number> {
  return { served: 0, end: 0, unsigned: 0, unknown: 0, loading: 0, refused: 0 };
}

function addTo(totals: Record<Outcome, number>, counts: OutcomeCounts): void {
  totals.served += counts.served;
  totals.end += counts.end;
  totals.unsigned += counts.unsigned;
  totals.unknown += counts.unknown;
  totals.loading += counts.loading;
  totals.refused += counts.refused;
}
