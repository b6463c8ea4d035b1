/** The longest pause that a store is granted: the rest of the run must not wait for an hour. Milliseconds. */
export const LONGEST_RETRY_AFTER = 300_000;

/**
 * How long a store asks to be left alone by its `Retry-After`, in milliseconds from `now`: seconds or an HTTP
 * date (RFC 9110, 10.2.3), bounded. Undefined for none, and for what is neither.
 */
export function readRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const wait = /^[0-9]{1,10}$/.test(text) ? Number(text) * 1000 : readDate(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), LONGEST_RETRY_AFTER);
}

/** The preferred form of HTTP dates alone: `Date` reads a year or a price as a date, too. */
function readDate(text: string): number {
  const isDate = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;
  return isDate.test(text) ? Date.parse(text) : Number.NaN;
}
