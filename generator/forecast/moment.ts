// A time to come, as people write it: a date, a time, or days from now.

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** What is expected, in words. */
export const MOMENT_FORM =
  'a date like 2027-03-31, a time like 2027-03-31T12:00:00Z, or days from now like 90d';
export const MOMENT =
  /^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?|[0-9]{1,5}d)$/;

/** A date is its first second. UTC. */
export type Moment = { readonly at: Date } | { readonly days: number };

/** Undefined for what is no time, such as the 31st of February. */
export function parseMoment(text: string): Moment | undefined {
  if (!MOMENT.test(text)) return undefined;
  if (text.endsWith('d')) return { days: Number(text.slice(0, -1)) };
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return undefined;
  // JavaScript takes that 31st for the 3rd of March.
  return at.toISOString().startsWith(text.replace(/Z$/, '')) ? { at } : undefined;
}

/** The time that is meant as of `now`, days from it to the minute; undefined if it has passed. */
export function resolveMoment(moment: Moment, now: Date): Date | undefined {
  if ('at' in moment) return moment.at.getTime() >= now.getTime() ? moment.at : undefined;
  const at = now.getTime() + moment.days * DAY;
  return new Date(Math.max(now.getTime(), at - (at % MINUTE)));
}
