import { countOf, formatNumber } from '../../html/facts.ts';
import { type Html, html } from '../../html/html.ts';
import { addressOf } from './links.ts';
import { type PullFilters, toParameters } from './render-filters.ts';
import type { PageView } from './render-commit.ts';
import { renderTable } from './render-table.ts';
import { renderTime } from './render-time.ts';

/** Missing signatures that have a reason, a repository or a client in common. */
export interface PullGroup {
  /** '' for a reason that nobody knows yet. */
  readonly name: string;
  readonly images: number;
  readonly lookups: number;
  /** Milliseconds since 1970. */
  readonly lastSeen: number;
}

/** Groups that are shown. */
const MOST = 100;

/** The groups, each with the way to its images. */
export function renderGroups(
  groups: readonly PullGroup[],
  filters: PullFilters,
  { now }: PageView,
): Html {
  const { by } = filters;
  if (groups.length === 0) return html`<h2>There are none.</h2>`;
  const rows = groups.slice(0, MOST).map(({ name, images, lookups, lastSeen }) => ({
    key: name,
    cells: [
      name === '' ? 'not known yet' : renderGroupLink(name, filters),
      formatNumber(images),
      formatNumber(lookups),
      renderTime(lastSeen, now),
    ],
  }));
  const cut =
    groups.length > MOST
      ? html`<p class="soft">
          The first ${MOST} of ${formatNumber(groups.length)} are shown: narrow them down to see
          others.
        </p>`
      : undefined;
  const note = {
    reason: 'As far as they are known: git is asked only for images that are listed.',
    client: 'Of each image the last eight clients are known.',
    repository: undefined,
    '': undefined,
  }[by];
  const [one, many, title] = TITLES[by === '' ? 'repository' : by];
  return html`${renderTable(countOf(groups.length, one, many), [title, 'Images', 'Lookups', 'Last'], rows)}
  ${note === undefined ? undefined : html`<p class="soft">${note}</p>`} ${cut}`;
}

const TITLES = {
  reason: ['reason', 'reasons', 'Reason'],
  repository: ['repository', 'repositories', 'Repository'],
  client: ['client', 'clients', 'Client'],
} as const;

function renderGroupLink(name: string, { by, ...filters }: PullFilters): Html {
  const narrowed = toParameters({ ...filters, ...(by !== '' && { [by]: name }) });
  return html`<a href="${addressOf('refused', narrowed)}"><code>${name}</code></a>`;
}
