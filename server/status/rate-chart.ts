// How many lookups each minute of the last hour had, to be seen at one look: what nodes were given,
// and below it, in a measure of its own, what they were refused.
import { type Html, html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import type { LookupCounts } from '../metrics/lookup-counts.ts';

type Minutes = ReturnType<LookupCounts['lastHour']>;
type Minute = Minutes[number];

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
    countIn: ({ served, end, unsigned, unknown }) => served + end + unsigned + unknown,
  },
  {
    id: 'refused',
    title: 'Refused pulls',
    unit: ['refused pull', 'refused pulls'],
    countIn: ({ unsigned }) => unsigned,
  },
];

/** The charts, and the same as a table. */
export function renderRates(minutes: Minutes): Html {
  return html`${SERIES.map((series) => renderChart(series, minutes))}
    <details id="rates-table">
      <summary>The numbers of each minute</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Lookups of each minute">
        ${renderNumbers(minutes)}
      </div>
    </details> `;
}

function renderChart({ id, title, unit, countIn }: Series, minutes: Minutes): Html {
  const counts = minutes.map(countIn);
  const most = Math.max(1, ...counts);
  const sum = counts.reduce((total, count) => total + count, 0);
  const [one, many] = unit;
  const told =
    sum === 0
      ? 'None in the last hour'
      : `${countOf(sum, one, many)} in the last hour, at most ${formatNumber(most)} in a minute`;
  const bars = counts.map((count, at) => {
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
      <title id="${id}-title">${title} of each minute</title>
      <desc id="${id}-text">${told}</desc>
      ${bars}
    </svg>
    <p class="axis" aria-hidden="true"><span>an hour ago</span><span>now</span></p>
  </figure> `;
}

function renderNumbers(minutes: Minutes): Html {
  const rows = minutes.toReversed().map(
    ({ at, served, end, unsigned, unknown }) =>
      html`<tr data-key="${at}">
        <th scope="row"><time datetime="${at}">${at.slice(11, 16)}</time></th>
        ${[served, end, unsigned, unknown].map((count) => html`<td>${formatNumber(count)}</td> `)}
      </tr> `,
  );
  return html`<table class="numbers">
    <thead>
      <tr>
        <th scope="col">UTC</th>
        <th scope="col">Served</th>
        <th scope="col">End of list</th>
        <th scope="col">Refused</th>
        <th scope="col">No location</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table> `;
}
