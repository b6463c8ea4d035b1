import { html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { addressOf } from './parts/links.ts';
import { isStateRefused } from './parts/overview-facts.ts';
import { type Page, type PageRequest, refuseQuery, readParameter } from './page.ts';
import { WHOLE_STATE, renderRejected } from './parts/render-rejected.ts';

/**
 * Rejected files, all, of a repository or of a digest, in the order of their paths: `?after=PATH`,
 * `&repository=…`, `&digest=sha256:HEX`.
 */
export async function makeRejectedPage({
  query,
  services,
  searches,
  signal,
}: PageRequest): Promise<Page> {
  const after = readParameter(query, 'after');
  if (after === undefined) return refuseQuery('after= takes one path.');
  const repository = readParameter(query, 'repository');
  if (repository === undefined) return refuseQuery('repository= takes one repository.');
  const digest = readParameter(query, 'digest');
  if (digest === undefined || !/^(?:sha256:[0-9a-f]{64})?$/.test(digest)) {
    return refuseQuery('digest= takes one whole digest, such as sha256:….');
  }
  const { refresher } = services;
  const rejected =
    digest === ''
      ? await searches.rejected(after, repository, signal)
      : await searches.rejectedOf(digest.slice('sha256:'.length), after);
  const which = {
    ...(repository === '' ? {} : { repository }),
    ...(digest === '' ? {} : { digest }),
  };
  const { total, items: files, hasMore } = rejected;
  const served = refresher.store();
  const isWhole = isStateRefused({ status: refresher.status(), served, rejected });
  const last = files.at(-1)?.path ?? '';
  return {
    status: 200,
    title: ['Rejected files', digest || repository].filter(Boolean).join(' of '),
    content: html`${isWhole ? WHOLE_STATE : undefined}
      ${
        files.length > 0
          ? renderRejected(
              files,
              `${formatNumber(files.length)} of ${countOf(total, 'file')}, by path`,
            )
          : html`<p>
              ${served ? `There are none${after === '' ? '' : ' after this path'}.` : 'Nothing is loaded yet.'}
            </p>`
      }
      <p class="pages">
        ${after === '' ? undefined : html`<a href="${addressOf('rejected', which)}">The first</a>`}
        ${hasMore ? html`<a href="${addressOf('rejected', { ...which, after: last })}">The next</a>` : undefined}
      </p>`,
  };
}
