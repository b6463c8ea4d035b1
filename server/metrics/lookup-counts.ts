// How many lookups there were, by outcome: since the start, and in each minute of the last hour.
// Counting one is cheap, and the memory is bounded: minutes without lookups take none.
import type { Outcome } from '../lookups/lookup.ts';
import { DurationCounts } from './duration-counts.ts';

export type OutcomeCounts = Readonly<Record<Outcome, number>>;

/** What nodes got in one minute. */
export interface MinuteCounts extends Pick<
  OutcomeCounts,
  'served' | 'end' | 'unsigned' | 'unknown' | 'loading'
> {
  /** When the minute began, ISO 8601. */
  readonly at: string;
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

export class LookupCounts {
  /** When counting began; milliseconds since 1970. */
  readonly startedAt: number;
  readonly #clocks: Clocks;
  /** The wall clock less the clock that never jumps, at the start: minutes begin by it. */
  readonly #offset: number;
  readonly #durations = new DurationCounts(BOUNDS);
  /** Of all minutes before the current one. */
  readonly #before = countNothing();
  /** Minutes before the current one, the oldest first. */
  #minutes: readonly Minute[] = [];
  #current: Minute;
  /** By the clock that never jumps. */
  #currentEnd: number;

  /** All counts are 0. Minutes begin with those of the wall clock as it is now. */
  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    this.startedAt = clocks.now();
    this.#offset = this.startedAt - clocks.elapsed();
    this.#current = { number: this.#toNumber(clocks.elapsed()), counts: countNothing() };
    this.#currentEnd = this.#endOf(this.#current.number);
  }

  get durations(): Pick<DurationCounts, 'format'> {
    return this.#durations;
  }

  /** Counts a lookup that is answered now; `startedAt` by the clock that never jumps. */
  add(outcome: Outcome, startedAt: number): void {
    const endedAt = this.#clocks.elapsed();
    if (endedAt >= this.#currentEnd) this.#beginMinute(this.#toNumber(endedAt));
    this.#current.counts[outcome]++;
    this.#durations.add((endedAt - startedAt) / 1000);
  }

  /** Since the start. */
  totals(): OutcomeCounts {
    const totals = { ...this.#before };
    addTo(totals, this.#current.counts);
    return totals;
  }

  /** The last 60 whole minutes, the oldest first; those before the start have zeros. */
  lastHour(): readonly MinuteCounts[] {
    const time = this.#clocks.elapsed();
    const running = this.#toNumber(time);
    // Shown by the wall clock as it is now, so that the list has no gap where the clock was set.
    const shift = Math.round((this.#clocks.now() - this.#offset - time) / MINUTE);
    const counted = new Map(
      [...this.#minutes, this.#current].map(({ number, counts }) => [number, counts]),
    );
    return Array.from({ length: HOUR }, (_, index) => {
      const number = running - HOUR + index;
      const { served, end, unsigned, unknown, loading } = counted.get(number) ?? countNothing();
      const at = new Date((number + shift) * MINUTE).toISOString();
      return { at, served, end, unsigned, unknown, loading };
    });
  }

  #toNumber(time: number): number {
    return Math.floor((time + this.#offset) / MINUTE);
  }

  #endOf(number: number): number {
    return (number + 1) * MINUTE - this.#offset;
  }

  #beginMinute(number: number): void {
    addTo(this.#before, this.#current.counts);
    this.#minutes = [...this.#minutes, this.#current].filter(
      (minute) => minute.number >= number - HOUR,
    );
    this.#current = { number, counts: countNothing() };
    this.#currentEnd = this.#endOf(number);
  }
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
