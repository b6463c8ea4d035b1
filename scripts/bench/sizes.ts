/** Measured with `--full` only. */
export const MILLION = 1_000_000;

/** The sizes of the stores that are measured. */
export function sizesOf(sizes: readonly number[], isFull: boolean): readonly number[] {
  return isFull ? [...sizes, MILLION] : sizes;
}

/** `100,000`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
