import type { RejectedFile } from '../../generator/store/report.ts';
import { parseDockerReference, withoutTransport } from '../../generator/terms/image-name.ts';
import { parseAnyDirectory, parseAnyLocation } from '../../generator/terms/release-location.ts';
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
import type { ShownPulls, StatusKey } from './parts/overview-facts.ts';
import type { PageView } from './parts/render-commit.ts';
import { renderKeys } from './parts/render-keys.ts';
import { renderSomePulls } from './parts/render-pulls.ts';
import { renderRejected, renderSomeRejected } from './parts/render-rejected.ts';
import { findKeys, readStatusKeys } from './status-keys.ts';

/** What was found: `?q=TEXT`. */
export async function makeSearchPage(request: PageRequest): Promise<Page> {
  const { query, services } = request;
  const text = readParameter(query, 'q')?.trim();
  if (text === undefined)
    return refuseQuery('q= takes one text: part of a name, a digest, or a key.');
  if (text === '') {
    const content = html`<p>
      Type part of a repository's name, an image as you would pull it, or a digest: all of it, or at
      least its first 8 digits. Keys are found by their fingerprint, their ID or a user ID.
    </p>`;
    return { status: 200, title: 'Search', content };
  }
  const hits = await findHits(text, request);
  const { refresher } = services;
  if (!refresher.store()) {
    const known = hasHits(hits) ? renderHits(hits, request) : undefined;
    return { ...notLoaded(refresher.status(), known), query: text };
  }
  return {
    status: hasHits(hits) ? 200 : 404,
    title: hasHits(hits) ? 'Found' : 'Nothing found',
    content: renderHits(hits, request),
    query: text,
  };
}

/** A digest, whole or its beginning, with or without what people copy along with it. */
const DIGEST = /^(?:.*@)?(?:sha256[:=])?([0-9a-f]{8,64})$/i;
const HEX_LENGTH = 64;
const NONE = { total: 0, items: [], hasMore: false };

/** Looks for a text that is part of a repository's name, a name as images are pulled by, a digest or a key. */
async function findHits(text: string, request: PageRequest): Promise<Hits> {
  const { services, searches, signal, now } = request;
  const { refused, policy, refresher } = services;
  const hex = findHex(text);
  const names = namesIn(text);
  const pulls = refused
    .list()
    .filter(({ directory }) =>
      hex === undefined ? isNamed(directory, names) : hasDigest(directory, hex),
    );
  const fingerprints = findKeys(policy(), text);
  const [only] = fingerprints;
  const [repositories, digests, signed, rejected, shown] = await Promise.all([
    searches.repositories(names, signal),
    hex === undefined ? NONE : searches.digests(hex, signal),
    only === undefined || fingerprints.length > 1 ? NONE : searches.signedBy(only, signal),
    findRejectedFiles(hex, names, request),
    explainPulls(pulls.slice(0, ON_A_PAGE), services),
  ]);
  const named = new Set(fingerprints.slice(0, ON_A_PAGE));
  const keys = readStatusKeys(policy(), refresher.store(), now) ?? [];
  return {
    hex,
    names,
    repositories,
    digests,
    signed,
    keys: {
      total: fingerprints.length,
      shown: keys.filter(({ fingerprint }) => named.has(fingerprint)),
    },
    pulls: { total: pulls.length, shown },
    rejected,
  };
}

/** Digests are short of words: a part of one is no part of the name of a file. */
async function findRejectedFiles(
  hex: string | undefined,
  names: readonly string[],
  { searches, signal }: PageRequest,
): Promise<FoundPage<RejectedFile>> {
  if (hex === undefined) return searches.rejectedNamed(names, signal);
  return hex.length === HEX_LENGTH ? searches.rejectedOf(hex) : NONE;
}

function isNamed(directory: string, names: readonly string[]): boolean {
  const { repository = '' } = parseAnyDirectory(directory) ?? {};
  const lower = repository.toLowerCase();
  return names.some((name) => lower.includes(name));
}

function findHex(text: string): string | undefined {
  const location = parseAnyLocation(text.replace(/^\/+/, ''));
  return location?.digestHex ?? DIGEST.exec(text)?.[1]?.toLowerCase();
}

/** As it was written, and the repository of an image that was copied from a message. */
function namesIn(text: string): readonly string[] {
  const [written = ''] = withoutTransport(text.toLowerCase()).split('@');
  const names = new Set([written]);
  const reference = /[/:]/.test(written) ? parseDockerReference(written) : undefined;
  if (reference)
    names.add(written.includes('/') ? reference.repository : written.replace(/:.*/, ''));
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
  /** Names of repositories, in lower case, that were looked for. */
  readonly names: readonly string[];
  /** What the only key that was found has signed. */
  readonly signed: FoundPage<string>;
  readonly keys: { readonly total: number; readonly shown: readonly StatusKey[] };
  readonly pulls: ShownPulls;
  readonly rejected: FoundPage<RejectedFile>;
}

function hasHits({ repositories, digests, keys, pulls, rejected }: Hits): boolean {
  return repositories.total + digests.total + keys.total + pulls.total + rejected.total > 0;
}

function renderHits(hits: Hits, view: PageView): Html {
  const { repositories, digests, signed, keys } = hits;
  if (!hasHits(hits)) {
    return html`<p>
        No repository has this in its name, no digest begins with it, and it names no key. To find a
        digest, type at least its first 8 digits.
      </p>
      ${WAY_OUT}`;
  }
  return html`${renderRepositories(repositories)}${renderDirectories('images', 'Signed images', digests)}
  ${
    keys.total > 0
      ? html`<section aria-labelledby="keys">
          <h2 id="keys">Keys</h2>
          ${renderKeys(keys.shown, view.now)}
          ${keys.total > keys.shown.length ? renderCut(keys.total, 'it') : undefined}
        </section> `
      : undefined
  }
  ${renderDirectories('signed', 'Signed by this key', signed)} ${renderFaultyHits(hits, view)}`;
}

/** What was looked up without a signature, and what was rejected. */
function renderFaultyHits({ hex, names, pulls, rejected }: Hits, view: PageView): Html {
  const which =
    hex === undefined ? { repository: names.at(-1) ?? '' } : { digest: `sha256:${hex}` };
  return html`${
    pulls.total > 0
      ? html`<section aria-labelledby="pulls">
          <h2 id="pulls">Missing signatures</h2>
          ${renderSomePulls(pulls, which, view)}
        </section> `
      : undefined
  }
  ${
    rejected.total > 0
      ? html`<section aria-labelledby="rejected">
          <h2 id="rejected">Rejected files</h2>
          ${
            hex === undefined
              ? renderRejected(
                  rejected.items,
                  `${formatNumber(rejected.items.length)} of ${countOf(rejected.total, 'file')}`,
                )
              : renderSomeRejected(rejected, which)
          }
        </section> `
      : undefined
  }`;
}

function renderCut(total: number, what: string): Html {
  return html`<p class="soft">
    Only the first of ${formatNumber(total)} are shown: type more of ${what} to narrow it down.
  </p>`;
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
    ${hasMore ? renderCut(total, 'the name') : undefined}
  </section> `;
}

function renderDirectories(
  id: string,
  title: string,
  { total, items }: FoundPage<string>,
): Html | undefined {
  if (total === 0) return undefined;
  const links = items.map(
    (directory) => html`<li data-key="${directory}">${renderImageLink(directory)}</li> `,
  );
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    <ul class="images">
      ${links}
    </ul>
    ${total > items.length ? renderCut(total, 'it') : undefined}
  </section> `;
}
