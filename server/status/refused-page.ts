import { html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { explainPulls } from './explain-pulls.ts';
import { hasDigest } from '../search/find-page.ts';
import { addressOf } from './parts/links.ts';
import { type Page, type PageRequest, refuseQuery, readParameter } from './page.ts';
import { renderPulls } from './parts/render-pulls.ts';
import { ON_A_PAGE } from '../search/searches.ts';

/** Refused pulls, all, of a repository or of a digest: `?page=N`, `&repository=…`, `&digest=sha256:HEX`. */
export async function makeRefusedPage({ query, services, now }: PageRequest): Promise<Page> {
  const page = readParameter(query, 'page');
  const repository = readParameter(query, 'repository');
  const digest = readParameter(query, 'digest');
  if (page === undefined || !/^(?:|[1-9][0-9]{0,5})$/.test(page)) {
    return refuseQuery('Pages are numbered from 1: page=1, page=2, and so on.');
  }
  if (repository === undefined) return refuseQuery('repository= takes one repository.');
  if (digest === undefined || !/^(?:sha256:[0-9a-f]{8,64})?$/.test(digest)) {
    return refuseQuery('digest= takes one digest, or at least its first 8 digits.');
  }
  const number = Number(page || '1');
  const digestHex = digest.replace('sha256:', '');
  const pulls = services.refused
    .list()
    .filter(({ directory }) => repository === '' || directory.startsWith(`${repository}@`))
    .filter(({ directory }) => hasDigest(directory, digestHex));
  const from = (number - 1) * ON_A_PAGE;
  const shown = await explainPulls(pulls.slice(from, from + ON_A_PAGE), services);
  const to = from + shown.length;
  const linkTo = (other: number): string =>
    addressOf('refused', {
      ...(repository === '' ? {} : { repository }),
      ...(digest === '' ? {} : { digest }),
      page: `${other}`,
    });
  return {
    status: shown.length === 0 && number > 1 ? 404 : 200,
    title: ['Refused pulls', repository || digest].filter(Boolean).join(' of '),
    content: html`<h2>
        ${
          shown.length === 0
            ? 'There are none.'
            : `${formatNumber(from + 1)} to ${formatNumber(to)} of ${countOf(pulls.length, 'image')}, the latest first`
        }
      </h2>
      ${renderPulls(shown, now)}
      <p class="pages">
        ${number > 1 ? html`<a href="${linkTo(number - 1)}">Newer ones</a>` : undefined}
        ${to < pulls.length ? html`<a href="${linkTo(number + 1)}">Older ones</a>` : undefined}
      </p>`,
  };
}
