import type { RejectedFile } from '../../generator/store/report.ts';
import { parseDockerReference } from '../../generator/terms/image-name.ts';
import { parseLocation } from '../../generator/terms/location.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import { type FoundPage, type FoundRepository, hasDigest } from '../search/find-page.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { explainPulls } from './explain-pulls.ts';
import {
  type Page,
  type PageRequest,
  WAY_OUT,
  notLoaded,
  readParameter,
  refuseQuery,
} from './page.ts';
import { renderImageLink, renderRepositoryLink } from './parts/links.ts';
import { type ShownPulls, renderSomePulls } from './parts/render-pulls.ts';
import { renderSomeRejected } from './parts/render-rejected.ts';

/** What was found: `?q=TEXT`. */
export async function makeSearchPage(request: PageRequest): Promise<Page> {
  const { query, services, now } = request;
  const text = readParameter(query, 'q')?.trim();
  if (text === undefined) return refuseQuery('q= takes one text: part of a name, or a digest.');
  if (text === '') {
    const content = html`<p>
      Type part of a repository's name, an image as you would pull it, or a digest: all of it, or at
      least its first 8 digits.
    </p>`;
    return { status: 200, title: 'Search', content };
  }
  const hits = await findHits(text, request);
  const { refresher } = services;
  if (!refresher.store()) {
    const known = hasHits(hits) ? renderHits(hits, now) : undefined;
    return { ...notLoaded(refresher.status(), known), query: text };
  }
  return {
    status: hasHits(hits) ? 200 : 404,
    title: hasHits(hits) ? 'Found' : 'Nothing found',
    content: renderHits(hits, now),
    query: text,
  };
}

/** A digest, whole or its beginning, with or without what people copy along with it. */
const DIGEST = /^(?:.*@)?(?:sha256[:=])?([0-9a-f]{8,64})$/i;
const HEX_LENGTH = 64;
const NONE = { total: 0, items: [], hasMore: false };

/** Looks for a text that is part of a repository's name, a name as images are pulled by, or a digest. */
async function findHits(text: string, { services, searches, signal }: PageRequest): Promise<Hits> {
  const hex = findHex(text);
  const pulls =
    hex === undefined
      ? []
      : services.refused.list().filter(({ directory }) => hasDigest(directory, hex));
  const [repositories, digests, shown] = await Promise.all([
    searches.repositories(namesIn(text), signal),
    hex === undefined ? NONE : searches.digests(hex, signal),
    explainPulls(pulls.slice(0, ON_A_PAGE), services),
  ]);
  return {
    hex,
    repositories,
    digests,
    pulls: { total: pulls.length, shown },
    rejected: hex?.length === HEX_LENGTH ? await searches.rejectedOf(hex) : NONE,
  };
}

function findHex(text: string): string | undefined {
  const location = parseLocation(text.replace(/^\/+/, ''));
  return location?.digestHex ?? DIGEST.exec(text)?.[1]?.toLowerCase();
}

/** As it was written, and the repository of an image that was copied from a message. */
function namesIn(text: string): readonly string[] {
  const [written = ''] = text.toLowerCase().split('@');
  const names = new Set([written]);
  const reference = written.includes('/') ? parseDockerReference(written) : undefined;
  if (reference) names.add(reference.repository);
  // A digest alone names no repository but one that is called like it.
  names.delete('');
  return [...names];
}

/** What was found for a text. */
interface Hits {
  readonly repositories: FoundPage<FoundRepository>;
  /** The digest, or its beginning; undefined for what is none. */
  readonly hex: string | undefined;
  /** What is signed of it. */
  readonly digests: FoundPage<string>;
  readonly pulls: ShownPulls;
  readonly rejected: FoundPage<RejectedFile>;
}

function hasHits({ repositories, digests, pulls, rejected }: Hits): boolean {
  return repositories.total + digests.total + pulls.total + rejected.total > 0;
}

function renderHits(hits: Hits, now: Date): Html {
  const { hex = '', repositories, digests, pulls, rejected } = hits;
  if (!hasHits(hits)) {
    return html`<p>
        No repository has this in its name, and no digest begins with it. To find a digest, type at
        least its first 8 digits.
      </p>
      ${WAY_OUT}`;
  }
  return html`${renderRepositories(repositories)}${renderDirectories(digests)}
  ${
    pulls.total > 0
      ? html`<section aria-labelledby="pulls">
          <h2 id="pulls">Refused pulls</h2>
          ${renderSomePulls(pulls, { digest: `sha256:${hex}` }, now)}
        </section> `
      : undefined
  }
  ${
    rejected.total > 0
      ? html`<section aria-labelledby="rejected">
          <h2 id="rejected">Rejected files</h2>
          ${renderSomeRejected(rejected, { digest: `sha256:${hex}` })}
        </section> `
      : undefined
  }`;
}

function renderRepositories({
  total,
  items,
  hasMore,
}: FoundPage<FoundRepository>): Html | undefined {
  if (total === 0) return undefined;
  const links = items.map(
    ({ name, images }) =>
      html`<li data-key="${name}">
        ${renderRepositoryLink(name)} <span class="soft">${countOf(images, 'signed image')}</span>
      </li> `,
  );
  return html`<section aria-labelledby="repositories">
    <h2 id="repositories">Repositories</h2>
    <ul class="images">
      ${links}
    </ul>
    ${
      hasMore
        ? html`<p class="soft">
            Only the first of ${formatNumber(total)} are shown: type more of the name to narrow it
            down.
          </p>`
        : undefined
    }
  </section> `;
}

function renderDirectories({ total, items }: FoundPage<string>): Html | undefined {
  if (total === 0) return undefined;
  const links = items.map(
    (directory) => html`<li data-key="${directory}">${renderImageLink(directory)}</li> `,
  );
  return html`<section aria-labelledby="images">
    <h2 id="images">Signed images</h2>
    <ul class="images">
      ${links}
    </ul>
    ${
      total > items.length
        ? html`<p class="soft">
            Only the first of ${formatNumber(total)} are shown: type more digits to narrow it down.
          </p>`
        : undefined
    }
  </section> `;
}
