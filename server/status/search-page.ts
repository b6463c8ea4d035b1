import { html } from '../html/html.ts';
import { findHits } from './find-hits.ts';
import { type Page, type PageRequest, notLoaded, refuseQuery } from './page.ts';
import { readParameter } from './read-parameter.ts';
import { hasHits, renderHits } from './render-search.ts';

/** What was found: `?q=TEXT`. */
export async function makeSearchPage({
  query,
  services,
  searches,
  now,
}: PageRequest): Promise<Page> {
  const text = readParameter(query, 'q')?.trim();
  if (text === undefined) return refuseQuery('q= wants one text, of a name or a digest.');
  if (text === '') {
    const content = html`<p>
      Type a part of a repository's name, an image as it is pulled, or a digest: all of it, or its
      first 8 digits or more.
    </p>`;
    return { status: 200, title: 'Search', content };
  }
  const hits = await findHits(text, services, searches);
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
