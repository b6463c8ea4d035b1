import { Html, html } from '../../html/html.ts';
import { formatNumber, renderFact } from '../../html/facts.ts';
import { describeState } from './describe-state.ts';
import type { OverviewFacts, ServedCounts } from './overview-facts.ts';
import { renderCommit } from './render-commit.ts';
import { renderTime } from './render-time.ts';

/** Told apart by their form, not by their colour alone. */
const SIGNS = {
  well: '<circle cx="8" cy="8" r="7"/><path d="M4.5 8.2l2.4 2.4 4.6-5"/>',
  notice: '<circle cx="8" cy="8" r="7"/><path d="M8 7.2v4.2M8 4.4v.6"/>',
  trouble: '<path d="M8 1.2L15.2 14.4H.8z"/><path d="M8 6v4M8 12v.5"/>',
};

/** Whether something is wrong, and what. */
export function renderState(facts: OverviewFacts): Html {
  const { level, headline, more } = describeState(facts);
  const { lastError, lastRefresh } = facts.status;
  return html`<div class="state ${level}">
    ${new Html(`<svg viewBox="0 0 16 16" aria-hidden="true">${SIGNS[level]}</svg>`)}
    <div>
      <p class="headline">${headline}</p>
      ${
        lastError
          ? html`<p class="said">${lastError.message}</p>
              <p>
                ${renderTime(lastError.at, facts.now)}${lastRefresh?.result === 'failed' ? '. It is tried again.' : ''}
              </p>`
          : undefined
      }
      ${more === undefined ? undefined : html`<p>${more}</p>`}
    </div>
  </div> `;
}

/** What is served, from where and since when. */
export function renderServed({ source, status, served, now, commitUrl }: OverviewFacts): Html {
  const { generation, lastRefresh } = status;
  const { location, branch } = source;
  return html`${served ? renderCounts(served) : undefined}
    <dl>
      ${renderFact('Source', [html`<code>${location}</code>`, branch === undefined ? undefined : html`, branch <code>${branch}</code>`])}
      ${generation?.commit ? renderFact('Commit', renderCommit(generation.commit, { commitUrl })) : undefined}
      ${generation ? renderFact('Since', renderTime(generation.loadedAt, now)) : undefined}
      ${
        lastRefresh
          ? renderFact('Last refresh', [
              renderTime(lastRefresh.at, now),
              html`: ${RESULTS[lastRefresh.result]}, in ${formatNumber(lastRefresh.durationMs)} ms`,
            ])
          : undefined
      }
    </dl>`;
}

const RESULTS = {
  changed: 'there was something new',
  unchanged: 'nothing was new',
  refused: 'the new state was refused',
  failed: 'it failed',
};

function renderCounts({ signatures, images, repositories, signers }: ServedCounts): Html {
  const counts = [
    [signatures, 'signature', 'signatures'],
    [images, 'image', 'images'],
    [repositories, 'repository', 'repositories'],
    [signers, 'signer', 'signers'],
  ] as const;
  return html`<ul class="counts">
    ${counts.map(([count, one, many]) => html`<li><strong>${formatNumber(count)}</strong> ${count === 1 ? one : many}</li> `)}
  </ul> `;
}
