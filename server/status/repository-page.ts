import type { Signature } from '../../generator/gate/judge.ts';
import type { RejectedFile } from '../../generator/store/report.ts';
import { formatDirectory, parseDirectory } from '../../generator/terms/location.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import type { FoundPage } from '../search/find-page.ts';
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
import { addressOf, renderDigestLink, renderFingerprint } from './parts/links.ts';
import type { ShownPulls } from './parts/overview-facts.ts';
import type { PageView } from './parts/render-commit.ts';
import { renderSomePulls } from './parts/render-pulls.ts';
import { renderSomeRejected } from './parts/render-rejected.ts';
import { renderTable } from './parts/render-table.ts';
import { renderTime } from './parts/render-time.ts';

/** What is known of a repository: `?name=[PREFIX/]NAMESPACE/REPO`, `&after=sha256:HEX`. */
export async function makeRepositoryPage(request: PageRequest): Promise<Page> {
  const { query, services, searches, signal, now, commitUrl } = request;
  const { refresher, refused } = services;
  const name = readParameter(query, 'name');
  const after = readParameter(query, 'after');
  if (!name) return refuseQuery('name= takes one repository, such as team/app.');
  const [, digestHex] = /^(?:sha256:([0-9a-f]{64}))?$/.exec(after ?? 'twice') ?? [
    undefined,
    'none',
  ];
  if (digestHex === 'none') return refuseQuery('after= takes one whole digest, such as sha256:….');
  const refusedHere = refused.list().filter(({ directory }) => directory.startsWith(`${name}@`));
  const last = digestHex === undefined ? undefined : formatDirectory(name, digestHex);
  const [{ before, directories }, shown, rejected] = await Promise.all([
    searches.imagesOf(name, last, signal),
    explainPulls(refusedHere.slice(0, ON_A_PAGE), services),
    searches.rejected('', name, signal),
  ]);
  const pulls = { total: refusedHere.length, shown };
  const store = refresher.store();
  if (!store) {
    const facts = { now, commitUrl, name, total: undefined, before, images: [], pulls, rejected };
    return notLoaded(
      refresher.status(),
      html`<h2>${name}</h2>
        ${renderRepository(facts)}`,
    );
  }
  const total = store.imagesByRepository.get(name) ?? 0;
  if (total + pulls.total + rejected.total === 0) return unknownRepository(name);
  const images = directories.flatMap((directory) => {
    const signatures = store.signaturesIn(directory);
    return signatures.length > 0 ? [{ directory, signatures }] : [];
  });
  const facts = { now, commitUrl, name, total, before, images, pulls, rejected };
  return { status: 200, title: name, content: renderRepository(facts) };
}

function unknownRepository(name: string): Page {
  return {
    status: 404,
    title: 'This repository is not known here',
    content: html`<p><code>${name}</code> has no signatures here, and no node has asked for any.</p>
      ${WAY_OUT}`,
  };
}

interface ShownImage {
  readonly directory: string;
  readonly signatures: readonly Signature[];
}

interface RepositoryFacts extends PageView {
  readonly name: string;
  /** How many images are signed, and how many of them come before those that are shown; undefined before anything is loaded. */
  readonly total: number | undefined;
  readonly before: number;
  readonly images: readonly ShownImage[];
  readonly pulls: ShownPulls;
  readonly rejected: FoundPage<RejectedFile>;
}

function renderRepository(facts: RepositoryFacts): Html {
  const { pulls, rejected } = facts;
  return html`${
    pulls.total > 0
      ? html`<section aria-labelledby="refused">
          <h2 id="refused">Missing signatures</h2>
          ${renderSomePulls(pulls, { repository: facts.name }, facts)}
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
