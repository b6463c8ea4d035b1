/** The last moment that a `Date` can hold, in milliseconds since 1970; so far before 1970 is the first. */
const LATEST = 8.64e15;

/**
 * ISO 8601 in UTC with whole seconds, as OpenPGP and signed claims count them. What strangers write
 * as a date may be any number: one that no calendar reaches is told as seconds since 1970.
 */
export function formatTime(milliseconds: number): string {
  if (!(Math.abs(milliseconds) <= LATEST)) return String(milliseconds / 1000);
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
