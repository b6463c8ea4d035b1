import { type Html, html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import type { FoundRejected } from '../search/find-rejected.ts';
import type { Signature } from '../../generator/gate/judge.ts';
import { addressOf, renderDigestLink, renderFingerprint } from './parts/links.ts';
import { parseDirectory } from '../../generator/terms/location.ts';
import { type ShownPulls, renderSomePulls } from './parts/render-pulls.ts';
import { renderSomeRejected } from './parts/render-rejected.ts';
import { renderTable } from './parts/render-table.ts';
import { renderTime } from './parts/render-time.ts';

export interface ShownImage {
  readonly directory: string;
  readonly signatures: readonly Signature[];
}

export interface RepositoryFacts {
  readonly now: Date;
  readonly name: string;
  /** How many images are signed, and how many of them come before those that are shown; undefined before anything is loaded. */
  readonly total: number | undefined;
  readonly before: number;
  readonly images: readonly ShownImage[];
  readonly pulls: ShownPulls;
  readonly rejected: FoundRejected;
}

export function renderRepository(facts: RepositoryFacts): Html {
  const { pulls, rejected, now } = facts;
  return html`${
    pulls.total > 0
      ? html`<section aria-labelledby="refused">
          <h2 id="refused">Refused pulls</h2>
          ${renderSomePulls(pulls, { repository: facts.name }, now)}
        </section> `
      : undefined
  }
  ${facts.total === undefined ? undefined : renderSigned(facts, facts.total)}
  ${
    rejected.total > 0
      ? html`<section aria-labelledby="rejected">
          <h2 id="rejected">Rejected files</h2>
          ${renderSomeRejected(rejected, { repository: facts.name })}
        </section> `
      : undefined
  } `;
}

function renderSigned(facts: RepositoryFacts, total: number): Html {
  return html`<section aria-labelledby="images">
    <h2 id="images">Signed images</h2>
    ${
      total === 0
        ? html`<p>No image of this repository has a signature here.</p>`
        : renderImages(facts, total)
    }
  </section> `;
}

function renderImages({ name, before, images, now }: RepositoryFacts, total: number): Html {
  const rows = images.map(({ directory, signatures }) => ({
    key: directory,
    cells: [
      renderDigestLink(directory),
      namesOf(signatures).map((identity) => html`<div>${identity}</div> `),
      signersOf(signatures).map((signer) => html`<div>${renderFingerprint(signer)}</div> `),
      renderTime(Math.max(...signatures.map(({ signedAt }) => signedAt)), now),
    ],
  }));
  const to = before + images.length;
  const caption = `${formatNumber(before + 1)} to ${formatNumber(to)} of ${countOf(total, 'image')}, the newest first`;
  const last = parseDirectory(images.at(-1)?.directory ?? '');
  return html`${renderTable(caption, ['Digest', 'Signed as', 'Signer', 'Signed'], rows)}
    <p class="pages">
      ${before > 0 ? html`<a href="${addressOf('repository', { name })}">The newest</a>` : undefined}
      ${
        to < total && last
          ? html`<a href="${addressOf('repository', { name, after: `sha256:${last.digestHex}` })}"
              >Older ones</a
            >`
          : undefined
      }
    </p> `;
}

function namesOf(signatures: readonly Signature[]): readonly string[] {
  return [...new Set(signatures.map(({ claims }) => claims.dockerReference))];
}

function signersOf(signatures: readonly Signature[]): readonly string[] {
  return [...new Set(signatures.flatMap(({ signer }) => signer?.primaryFingerprint ?? []))];
}
