import { formatDirectory } from '../../generator/terms/location.ts';
import { html } from '../html/html.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { explainPulls } from './explain-pulls.ts';
import { type Page, type PageRequest, WAY_OUT, notLoaded, refuseQuery } from './page.ts';
import { readParameter } from './read-parameter.ts';
import { renderRepository } from './render-repository.ts';

/** What is known of a repository: `?name=[PREFIX/]NAMESPACE/REPO`, `&after=sha256:HEX`. */
export async function makeRepositoryPage(request: PageRequest): Promise<Page> {
  const { query, services, searches, now } = request;
  const { refresher, refused } = services;
  const name = readParameter(query, 'name');
  const after = readParameter(query, 'after');
  if (!name) return refuseQuery('name= wants one repository, as team/app.');
  const [, digestHex] = /^(?:sha256:([0-9a-f]{64}))?$/.exec(after ?? 'twice') ?? [
    undefined,
    'none',
  ];
  if (digestHex === 'none') return refuseQuery('after= wants one whole digest, as sha256:….');
  const refusedHere = refused.list().filter(({ directory }) => directory.startsWith(`${name}@`));
  const last = digestHex === undefined ? undefined : formatDirectory(name, digestHex);
  const [{ before, directories }, shown, rejected] = await Promise.all([
    searches.imagesOf(name, last),
    explainPulls(refusedHere.slice(0, ON_A_PAGE), services),
    searches.rejected('', name),
  ]);
  const pulls = { total: refusedHere.length, shown };
  const store = refresher.store();
  if (!store) {
    const facts = { now, name, total: undefined, before, images: [], pulls, rejected };
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
  const facts = { now, name, total, before, images, pulls, rejected };
  return { status: 200, title: name, content: renderRepository(facts) };
}

function unknownRepository(name: string): Page {
  return {
    status: 404,
    title: 'Nothing is known of this repository',
    content: html`<p><code>${name}</code> has no signatures here, and no node asked for one.</p>
      ${WAY_OUT}`,
  };
}
