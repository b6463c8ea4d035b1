// How long things took, counted in buckets. Its own, as an observation of prom-client's histogram
// costs ten times as much, at every lookup.

/** Upper bounds in seconds: from a lookup answered at once to one that kept a node waiting. */
const BOUNDS = [
  0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
  0.05, 0.1, 0.25, 0.5, 1,
] as const;

export interface DurationCounts {
  readonly add: (seconds: number) => void;
  /** The samples of a histogram of this name, in Prometheus' text format. */
  readonly format: (name: string) => string;
}

/** Makes the counts; all are 0. */
export function createDurationCounts(): DurationCounts {
  /** The last one counts what took longer than every bound. */
  const buckets = new Float64Array(BOUNDS.length + 1);
  let sum = 0;
  return {
    add: (seconds) => {
      let index = 0;
      while (seconds > (BOUNDS[index] ?? Infinity)) index++;
      buckets[index] = (buckets[index] ?? 0) + 1;
      sum += seconds;
    },
    format: (name) => {
      let count = 0;
      const lines = [...BOUNDS, '+Inf'].map((bound, index) => {
        count += buckets[index] ?? 0;
        return `${name}_bucket{le="${bound}"} ${count}\n`;
      });
      return `${lines.join('')}${name}_sum ${sum}\n${name}_count ${count}\n`;
    },
  };
}
