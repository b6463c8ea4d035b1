import { REASON_CODES } from '../../generator/explain/reason.ts';
import { parseAnyDirectory } from '../../generator/terms/release-location.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import type { RefusedPull } from '../refused/refused-pull.ts';
import { hasDigest } from '../search/find-page.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { explainPulls } from './explain-pulls.ts';
import { type Page, type PageRequest, readParameter, refuseQuery } from './page.ts';
import { addressOf } from './parts/links.ts';
import { type PullFilters, toParameters } from './parts/render-filters.ts';
import { renderFilters } from './parts/render-filters.ts';
import { type PullGroup, renderGroups } from './parts/render-groups.ts';
import { renderPulls } from './parts/render-pulls.ts';
import { codesBy, isReasonCode, sortPulls } from './sort-pulls.ts';

/**
 * Images that were looked up without a signature: `?page=N`, and what {@link PullFilters} has, each as a
 * parameter.
 */
export async function makeRefusedPage(request: PageRequest): Promise<Page> {
  const { query, services } = request;
  const page = readParameter(query, 'page');
  if (page === undefined || !/^(?:|[1-9][0-9]{0,5})$/.test(page)) {
    return refuseQuery('Pages are numbered from 1: page=1, page=2, and so on.');
  }
  const filters = readFilters(query);
  if (typeof filters === 'string') return refuseQuery(filters);
  const pulls = filterPulls(services.refused.list(), filters, services);
  const title = ['Missing signatures', filters.repository || filters.digest || filters.client]
    .filter(Boolean)
    .join(' of ');
  const form = renderFilters(filters);
  if (filters.by !== '') {
    const groups = groupPulls(pulls, filters.by, services);
    const content = html`${form} ${renderGroups(groups, filters, request)}`;
    return { status: 200, title, content };
  }
  return makeList({ request, pulls, filters, number: Number(page || '1'), title, form });
}

interface ListFacts {
  readonly request: PageRequest;
  readonly pulls: readonly RefusedPull[];
  readonly filters: PullFilters;
  readonly number: number;
  readonly title: string;
  readonly form: Html;
}

async function makeList({
  request,
  pulls,
  filters,
  number,
  title,
  form,
}: ListFacts): Promise<Page> {
  const from = (number - 1) * ON_A_PAGE;
  const shown = await explainPulls(pulls.slice(from, from + ON_A_PAGE), request.services);
  const to = from + shown.length;
  const linkTo = (other: number): string =>
    addressOf('refused', { ...toParameters(filters), page: `${other}` });
  return {
    status: shown.length === 0 && number > 1 ? 404 : 200,
    title,
    content: html`${form}
      <h2>
        ${
          shown.length === 0
            ? 'There are none.'
            : `${formatNumber(from + 1)} to ${formatNumber(to)} of ${countOf(pulls.length, 'image')}, the latest first`
        }
      </h2>
      ${renderPulls(shown, request)}
      <p class="pages">
        ${number > 1 ? html`<a href="${linkTo(number - 1)}">Newer ones</a>` : undefined}
        ${to < pulls.length ? html`<a href="${linkTo(number + 1)}">Older ones</a>` : undefined}
      </p>`,
  };
}

/** The filters, or what is wrong with them. */
function readFilters(query: PageRequest['query']): PullFilters | string {
  const reason = readParameter(query, 'reason');
  const repository = readParameter(query, 'repository')?.trim();
  const client = readParameter(query, 'client')?.trim();
  const digest = readParameter(query, 'digest')?.trim();
  const names = readParameter(query, 'names');
  const by = readParameter(query, 'by');
  if (repository === undefined) return 'repository= takes one repository.';
  if (client === undefined) return 'client= takes one address.';
  if (digest === undefined || !/^(?:sha256:[0-9a-f]{8,64})?$/.test(digest)) {
    return 'digest= takes one digest, or at least its first 8 digits.';
  }
  if (reason === undefined || (reason !== '' && !isReasonCode(reason))) {
    return `reason= takes one of ${REASON_CODES.join(', ')}.`;
  }
  if (names !== '' && names !== 'known' && names !== 'unknown') {
    return 'names= takes one of known, unknown.';
  }
  if (by !== '' && by !== 'reason' && by !== 'repository' && by !== 'client') {
    return 'by= takes one of reason, repository, client.';
  }
  return { reason, repository, client, digest, names, by };
}

function filterPulls(
  all: readonly RefusedPull[],
  { reason, repository, client, digest, names }: PullFilters,
  services: PageRequest['services'],
): readonly RefusedPull[] {
  const codeOf = codesBy(services);
  const { known, unknown } = sortPulls(all, services);
  const sorted = { known, unknown, '': all }[names];
  const digestHex = digest.replace('sha256:', '');
  const pulls = sorted.filter(
    (pull) =>
      (reason === '' || codeOf(pull) === reason) &&
      (client === '' || pull.clients.includes(client)) &&
      hasDigest(pull.directory, digestHex),
  );
  if (repository === '') return pulls;
  const ofOne = pulls.filter(({ directory }) => directory.startsWith(`${repository}@`));
  if (ofOne.length > 0) return ofOne;
  const part = repository.toLowerCase();
  return pulls.filter(({ directory }) => nameOf(directory).toLowerCase().includes(part));
}

function groupPulls(
  pulls: readonly RefusedPull[],
  by: Exclude<PullFilters['by'], ''>,
  services: PageRequest['services'],
): readonly PullGroup[] {
  const codeOf = codesBy(services);
  const namesOf = {
    reason: (pull: RefusedPull) => [codeOf(pull) ?? ''],
    repository: ({ directory }: RefusedPull) => [nameOf(directory)],
    client: ({ clients }: RefusedPull) => clients,
  }[by];
  const groups = new Map<string, PullGroup>();
  for (const pull of pulls) {
    for (const name of namesOf(pull)) {
      const { images = 0, lookups = 0, lastSeen = 0 } = groups.get(name) ?? {};
      groups.set(name, {
        name,
        images: images + 1,
        lookups: lookups + pull.count,
        lastSeen: Math.max(lastSeen, pull.lastSeen),
      });
    }
  }
  return [...groups.values()].toSorted((a, b) => b.images - a.images || b.lastSeen - a.lastSeen);
}

function nameOf(directory: string): string {
  return parseAnyDirectory(directory)?.repository ?? directory;
}
