import { type Html, html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import type { FoundDigests } from '../search/find-digests.ts';
import type { FoundRejected } from '../search/find-rejected.ts';
import type { FoundRepositories } from '../search/find-repositories.ts';
import { renderImageLink, renderRepositoryLink } from './parts/links.ts';
import { WAY_OUT } from './page.ts';
import { type ShownPulls, renderSomePulls } from './parts/render-pulls.ts';
import { renderSomeRejected } from './parts/render-rejected.ts';

/** What was found for a text. */
export interface Hits {
  readonly repositories: FoundRepositories;
  /** The digest, or its beginning; undefined for what is none. */
  readonly digestHex: string | undefined;
  /** What is signed of it. */
  readonly digests: FoundDigests;
  readonly pulls: ShownPulls;
  readonly rejected: FoundRejected;
}

export function hasHits({ repositories, digests, pulls, rejected }: Hits): boolean {
  return repositories.total + digests.total + pulls.total + rejected.total > 0;
}

export function renderHits(hits: Hits, now: Date): Html {
  const { digestHex = '', repositories, digests, pulls, rejected } = hits;
  if (!hasHits(hits)) {
    return html`<p>
        No repository has this in its name, and no digest begins like it. A digest is found by its
        first 8 digits or more.
      </p>
      ${WAY_OUT}`;
  }
  return html`${renderRepositories(repositories)}${renderDirectories(digests)}
  ${
    pulls.total > 0
      ? html`<section aria-labelledby="pulls">
          <h2 id="pulls">Refused pulls</h2>
          ${renderSomePulls(pulls, { digest: `sha256:${digestHex}` }, now)}
        </section> `
      : undefined
  }
  ${
    rejected.total > 0
      ? html`<section aria-labelledby="rejected">
          <h2 id="rejected">Rejected files</h2>
          ${renderSomeRejected(rejected, { digest: `sha256:${digestHex}` })}
        </section> `
      : undefined
  }`;
}

function renderRepositories({ total, repositories, hasMore }: FoundRepositories): Html | undefined {
  if (total === 0) return undefined;
  const items = repositories.map(
    ({ name, images }) =>
      html`<li data-key="${name}">
        ${renderRepositoryLink(name)} <span class="soft">${countOf(images, 'signed image')}</span>
      </li> `,
  );
  return html`<section aria-labelledby="repositories">
    <h2 id="repositories">Repositories</h2>
    <ul class="images">
      ${items}
    </ul>
    ${
      hasMore
        ? html`<p class="soft">
            These are the first of ${formatNumber(total)}: a longer part of the name finds fewer.
          </p>`
        : undefined
    }
  </section> `;
}

function renderDirectories({ total, directories }: FoundDigests): Html | undefined {
  if (total === 0) return undefined;
  const items = directories.map(
    (directory) => html`<li data-key="${directory}">${renderImageLink(directory)}</li> `,
  );
  return html`<section aria-labelledby="images">
    <h2 id="images">Signed images</h2>
    <ul class="images">
      ${items}
    </ul>
    ${
      total > directories.length
        ? html`<p class="soft">
            These are the first of ${formatNumber(total)}: more digits find fewer.
          </p>`
        : undefined
    }
  </section> `;
}
