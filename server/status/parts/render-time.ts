import { formatTime } from '../../../generator/terms/text.ts';
import { type Html, html } from '../../html/html.ts';
import { countOf } from '../../html/facts.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The last moment that a date can hold. */
const LATEST = 8.64e15;

/** A moment, in milliseconds since 1970 or ISO 8601: how long ago, and when. */
export function renderTime(moment: number | string, now: Date): Html {
  const at = typeof moment === 'number' ? moment : Date.parse(moment);
  if (!(Math.abs(at) <= LATEST)) return html`${moment}`;
  const time = formatTime(at);
  return html`<time datetime="${time}">${describeAge(at, now)}</time>
    <span class="when">(${time.slice(0, -4).replace('T', ' ')} UTC)</span>`;
}

/** `3 minutes ago`, `in 2 days`, `just now`. */
function describeAge(at: number, now: Date): string {
  const age = now.getTime() - at;
  if (Math.abs(age) < SECOND) return 'just now';
  return age < 0 ? `in ${describeDuration(-age)}` : `${describeDuration(age)} ago`;
}

/** In its largest unit; days are the largest. */
export function describeDuration(milliseconds: number): string {
  if (milliseconds < MINUTE) return countOf(Math.max(1, floor(milliseconds, SECOND)), 'second');
  if (milliseconds < HOUR) return countOf(floor(milliseconds, MINUTE), 'minute');
  if (milliseconds < 2 * DAY) return countOf(floor(milliseconds, HOUR), 'hour');
  return countOf(floor(milliseconds, DAY), 'day');
}

function floor(milliseconds: number, unit: number): number {
  return Math.floor(milliseconds / unit);
}
