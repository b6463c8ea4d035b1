/** Where values go on an axis, and which of them are marked on it. */
export interface Scale {
  /** From 0 to 1. */
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

const TICKS = 5;
const NICE_STEPS = [1, 2, 2.5, 5, 10];

/** From 0 to a round number that is not below any of the values. */
export function linearScale(values: readonly number[]): Scale {
  const most = Math.max(0, ...values) || 1;
  const rough = most / TICKS;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = magnitude * (NICE_STEPS.find((nice) => nice * magnitude >= rough) ?? 10);
  const count = Math.ceil(most / step);
  const ticks = Array.from({ length: count + 1 }, (_, index) => index * step);
  return { place: (value) => value / (count * step), ticks };
}

/** Powers of ten, for values above 0: from one that is not above to one that is not below. */
export function logScale(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return { place: (value) => (Math.log10(value) - low) / (high - low), ticks };
}
