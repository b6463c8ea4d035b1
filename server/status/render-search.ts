import { type Html, html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import type { FoundRepositories } from '../../generator/explain/find-repositories.ts';
import type { RejectedFile } from '../../generator/report.ts';
import { renderImageLink, renderRepositoryLink } from './links.ts';
import type { ExplainedPull } from './overview-facts.ts';
import { WAY_OUT } from './page.ts';
import { renderPulls } from './render-pulls.ts';
import { renderRejected } from './render-rejected.ts';

/** What was found for a text. */
export interface Hits {
  readonly repositories: FoundRepositories;
  /** Directories with signatures for the digest. */
  readonly directories: readonly string[];
  readonly pulls: readonly ExplainedPull[];
  readonly rejected: readonly RejectedFile[];
}

export function hasHits({ repositories, directories, pulls, rejected }: Hits): boolean {
  return repositories.total + directories.length + pulls.length + rejected.length > 0;
}

export function renderHits(hits: Hits, now: Date): Html {
  const { repositories, directories, pulls, rejected } = hits;
  if (!hasHits(hits)) {
    return html`<p>
        No repository has this in its name, and no digest begins like it. A digest is found by its
        first 8 digits or more.
      </p>
      ${WAY_OUT}`;
  }
  return html`${renderRepositories(repositories)}${renderDirectories(directories)}
  ${
    pulls.length > 0
      ? html`<section aria-labelledby="pulls">
          <h2 id="pulls">Refused pulls</h2>
          ${renderPulls(pulls, now)}
        </section> `
      : undefined
  }
  ${
    rejected.length > 0
      ? html`<section aria-labelledby="rejected">
          <h2 id="rejected">Rejected files</h2>
          ${renderRejected(rejected, 'Files that name the digest')}
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

function renderDirectories(directories: readonly string[]): Html | undefined {
  if (directories.length === 0) return undefined;
  const items = directories.map(
    (directory) => html`<li data-key="${directory}">${renderImageLink(directory)}</li> `,
  );
  return html`<section aria-labelledby="images">
    <h2 id="images">Signed images</h2>
    <ul class="images">
      ${items}
    </ul>
  </section> `;
}
