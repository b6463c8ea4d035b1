// What has no room on the first page.
import { html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { explainPulls } from './explain-pulls.ts';
import { addressOf } from './links.ts';
import { type Page, type PageRequest, refuseQuery } from './page.ts';
import { readParameter } from './read-parameter.ts';
import { renderPulls } from './render-pulls.ts';
import { isStateRefused } from './overview-facts.ts';
import { WHOLE_STATE, renderRejected } from './render-rejected.ts';
import { ON_A_PAGE } from './searches.ts';

/** All refused pulls: `?page=N`. */
export async function makeRefusedPage({ query, services, now }: PageRequest): Promise<Page> {
  const page = readParameter(query, 'page');
  if (page === undefined || !/^(?:|[1-9][0-9]{0,5})$/.test(page)) {
    return refuseQuery('Pages are numbered from 1: page=1, page=2, and so on.');
  }
  const number = Number(page || '1');
  const pulls = services.refused.list();
  const from = (number - 1) * ON_A_PAGE;
  const shown = await explainPulls(pulls.slice(from, from + ON_A_PAGE), services);
  const to = from + shown.length;
  return {
    status: shown.length === 0 && number > 1 ? 404 : 200,
    title: 'Refused pulls',
    content: html`<h2>
        ${
          shown.length === 0
            ? 'There are none here.'
            : `${formatNumber(from + 1)} to ${formatNumber(to)} of ${countOf(pulls.length, 'image')}, the last one first`
        }
      </h2>
      ${renderPulls(shown, now)}
      <p class="pages">
        ${number > 1 ? html`<a href="${addressOf('refused', { page: `${number - 1}` })}">Newer ones</a>` : undefined}
        ${to < pulls.length ? html`<a href="${addressOf('refused', { page: `${number + 1}` })}">Older ones</a>` : undefined}
      </p>`,
  };
}

/** All rejected files, in the order of their paths: `?after=PATH`. */
export async function makeRejectedPage({ query, services, searches }: PageRequest): Promise<Page> {
  const after = readParameter(query, 'after');
  if (after === undefined) return refuseQuery('after= wants one path.');
  const { refresher } = services;
  const rejected = await searches.rejected(after);
  const { total, files, hasMore } = rejected;
  const served = refresher.store();
  const isWhole = isStateRefused({ status: refresher.status(), served, rejected });
  const last = files.at(-1)?.path ?? '';
  return {
    status: 200,
    title: 'Rejected files',
    content: html`${isWhole ? WHOLE_STATE : undefined}
      ${
        files.length > 0
          ? renderRejected(
              files,
              `${formatNumber(files.length)} of ${countOf(total, 'file')}, by path`,
            )
          : html`<p>
              ${served ? `There are none${after === '' ? '' : ' behind this path'}.` : 'Nothing is loaded yet.'}
            </p>`
      }
      <p class="pages">
        ${after === '' ? undefined : html`<a href="rejected">The first</a>`}
        ${hasMore ? html`<a href="${addressOf('rejected', { after: last })}">The next</a>` : undefined}
      </p>`,
  };
}
