// How many lookups each minute of the last hour had, to be seen at one look: what nodes were given,
// and below it, in a measure of its own, what was missing.
import { type Html, html } from '../../html/html.ts';
import { countOf, formatNumber } from '../../html/facts.ts';
import type { LookupCounts } from '../../metrics/lookup-counts.ts';

type Minutes = ReturnType<LookupCounts['lastHour']>;
type Minute = Minutes[number];

interface KnownMinute extends Minute {
  readonly isKnown: boolean;
}

/** In milliseconds. */
const MINUTE = 60_000;
const HEIGHT = 60;
const BAR = 10;
const GAP = 2;

interface Series {
  readonly id: string;
  readonly title: string;
  readonly unit: readonly [string, string];
  readonly countIn: (minute: Minute) => number;
}

const SERIES: readonly Series[] = [
  {
    id: 'answered',
    title: 'Lookups',
    unit: ['lookup', 'lookups'],
    countIn: ({ served, end, unsigned, unknown, loading }) =>
      served + end + unsigned + unknown + loading,
  },
  {
    id: 'missing',
    title: 'Lookups without a signature',
    unit: ['lookup without a signature', 'lookups without a signature'],
    countIn: ({ unsigned }) => unsigned,
  },
];

/**
 * The charts, and the same as a table, of whole minutes. What was before the counting began, in
 * milliseconds since 1970, is not known.
 */
export function renderRates(all: Minutes, countedSince: number): Html {
  const minutes = all.map((minute) => ({
    ...minute,
    isKnown: Date.parse(minute.at) + MINUTE > countedSince,
  }));
  return html`${SERIES.map((series) => renderChart(series, minutes))}
    <details id="rates-table">
      <summary>Numbers per minute</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Lookups per minute">
        ${renderNumbers(minutes)}
      </div>
    </details> `;
}

function renderChart({ id, title, unit, countIn }: Series, minutes: readonly KnownMinute[]): Html {
  const counts = minutes.map(countIn);
  const most = Math.max(1, ...counts);
  const sum = counts.reduce((total, count) => total + count, 0);
  const [one, many] = unit;
  const span = minutes.every(({ isKnown }) => isKnown) ? 'in the last hour' : 'since the start';
  const told =
    sum === 0
      ? `None ${span}`
      : `${countOf(sum, one, many)} ${span}, at most ${formatNumber(most)} in a minute`;
  const bars = counts.map((count, at) => {
    if (minutes[at]?.isKnown === false) {
      return html`<rect class="unknown" x="${at * BAR}" width="${BAR}" height="${HEIGHT}" /> `;
    }
    // The least that is more than nothing can be seen.
    const height = count === 0 ? 0 : Math.max(2, Math.round((count / most) * HEIGHT));
    return html`<rect
      x="${at * BAR}"
      y="${HEIGHT - height}"
      width="${BAR - GAP}"
      height="${height}"
    /> `;
  });
  return html`<figure class="chart">
    <figcaption><strong>${title}</strong> ${told}</figcaption>
    <svg
      class="${id}"
      role="img"
      aria-labelledby="${id}-title ${id}-text"
      viewBox="0 0 ${minutes.length * BAR} ${HEIGHT}"
      preserveAspectRatio="none"
    >
      <title id="${id}-title">${title} per minute</title>
      <desc id="${id}-text">${told}</desc>
      ${bars}
    </svg>
    <p class="axis" aria-hidden="true">
      <span>an hour ago</span><span>the last whole minute</span>
    </p>
  </figure> `;
}

function renderNumbers(minutes: readonly KnownMinute[]): Html {
  const rows = minutes.toReversed().map(
    ({ at, isKnown, served, end, unsigned, unknown, loading }) =>
      html`<tr data-key="${at}">
        <th scope="row"><time datetime="${at}">${at.slice(11, 16)}</time></th>
        ${
          isKnown
            ? [served, end, unsigned, unknown, loading].map(
                (count) => html`<td>${formatNumber(count)}</td> `,
              )
            : html`<td colspan="5">not known</td> `
        }
      </tr> `,
  );
  return html`<table class="numbers">
    <thead>
      <tr>
        <th scope="col">UTC</th>
        <th scope="col">Served</th>
        <th scope="col">End of list</th>
        <th scope="col">Missing</th>
        <th scope="col">No location</th>
        <th scope="col">Not ready</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table> `;
}
