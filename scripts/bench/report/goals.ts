import { formatNumber } from './format-number.ts';
import type { Goal } from './result.ts';

/** A goal whose figure must not be smaller. */
export function atLeast(what: string, got: number, limit: number, unit: string): Goal {
  return judge(what, got, `at least ${withUnit(limit, unit)}`, unit, got >= limit);
}

/** A goal whose figure must not be larger. */
export function atMost(what: string, got: number, limit: number, unit: string): Goal {
  return judge(what, got, `at most ${withUnit(limit, unit)}`, unit, got <= limit);
}

/** A goal whose figure must be smaller. */
export function below(what: string, got: number, limit: number, unit: string): Goal {
  return judge(what, got, `below ${withUnit(limit, unit)}`, unit, got < limit);
}

function judge(what: string, got: number, limit: string, unit: string, isMet: boolean): Goal {
  return { what, limit, got: withUnit(got, unit), isMet };
}

function withUnit(value: number, unit: string): string {
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`;
}
