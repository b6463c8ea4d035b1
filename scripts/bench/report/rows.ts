import type { Row } from './result.ts';
import { toSpread } from './statistics.ts';

/** A row of a table from the values that the runs gave. */
export function toRow(
  subject: string,
  figure: string,
  unit: string,
  values: readonly number[],
): Row {
  return { subject, figure, unit, spread: toSpread(values) };
}
