// How long things took, counted in buckets. An observation of prom-client's histogram costs ten times as
// much, and every lookup makes one.

/** A histogram. */
export class DurationCounts {
  readonly #bounds: readonly number[];
  /** The last one counts what took longer than every bound. */
  readonly #buckets: Float64Array;
  #sum = 0;

  /** `bounds` are the upper bounds of the buckets in seconds, the smallest first. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#buckets = new Float64Array(bounds.length + 1);
  }

  add(seconds: number): void {
    let index = 0;
    while (seconds > (this.#bounds[index] ?? Infinity)) index++;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** The samples of a histogram of this name, in Prometheus' text format. */
  format(name: string): string {
    let count = 0;
    const lines = [...this.#bounds, '+Inf'].map((bound, index) => {
      count += this.#buckets[index] ?? 0;
      return `${name}_bucket{le="${bound}"} ${count}\n`;
    });
    return `${lines.join('')}${name}_sum ${this.#sum}\n${name}_count ${count}\n`;
  }
}
