/** What repeated measurements gave. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** The middle of values and how far they lie apart. Throws when there are none. */
export function toSpread(values: readonly number[]): Spread {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    runs: values.length,
  };
}

/** The middle value, or the mean of the two in the middle. Throws when there are none. */
export function median(values: readonly number[]): number {
  const sorted = sort(values);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('there is nothing measured');
  return (low + high) / 2;
}

/** The smallest value that `share` (0 to 1) of the values do not exceed. Throws when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const value = sort(values)[Math.max(0, Math.ceil(share * values.length) - 1)];
  if (value === undefined) throw new Error('there is nothing measured');
  return value;
}

function sort(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b);
}
