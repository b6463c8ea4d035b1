// How long things took, counted in buckets. Its own, as an observation of prom-client's histogram
// costs ten times as much, at every lookup.

export interface DurationCounts {
  readonly add: (seconds: number) => void;
  /** The samples of a histogram of this name, in Prometheus' text format. */
  readonly format: (name: string) => string;
}

/** Makes the counts, all 0, for buckets with these upper bounds in seconds, the smallest first. */
export function createDurationCounts(bounds: readonly number[]): DurationCounts {
  /** The last one counts what took longer than every bound. */
  const buckets = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    add: (seconds) => {
      let index = 0;
      while (seconds > (bounds[index] ?? Infinity)) index++;
      buckets[index] = (buckets[index] ?? 0) + 1;
      sum += seconds;
    },
    format: (name) => {
      let count = 0;
      const lines = [...bounds, '+Inf'].map((bound, index) => {
        count += buckets[index] ?? 0;
        return `${name}_bucket{le="${bound}"} ${count}\n`;
      });
      return `${lines.join('')}${name}_sum ${sum}\n${name}_count ${count}\n`;
    },
  };
}
