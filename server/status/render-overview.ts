import { type Html, html } from '../html/html.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { addressOf, renderImageLink } from './parts/links.ts';
import { type OverviewFacts, isStateRefused } from './parts/overview-facts.ts';
import { renderRates } from './parts/rate-chart.ts';
import { renderKeys } from './parts/render-keys.ts';
import { renderPulls, renderResolved } from './parts/render-pulls.ts';
import { WHOLE_STATE, renderRejected } from './parts/render-rejected.ts';
import { renderServed, renderState } from './parts/render-state.ts';
import { renderTroubles } from './render-troubles.ts';

/** The page at `/`: what is wrong first. */
export function renderOverview(facts: OverviewFacts): Html {
  return html`${renderState(facts)} ${renderContents(facts)} ${renderTroubles(facts)}
    ${renderRefused(facts)} ${renderArrived(facts)}
    <section aria-labelledby="served">
      <h2 id="served">What is served</h2>
      ${renderServed(facts)} ${renderNewest(facts)}
    </section>
    ${renderFaults(facts)}
    <section aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      ${
        facts.keys
          ? renderKeys(facts.keys, facts.now)
          : html`<p>No keys are given: nobody checks who signed.</p>`
      }
    </section>
    <section aria-labelledby="rates">
      <h2 id="rates">The last hour</h2>
      ${renderRates(facts.minutes, facts.countedSince)}
    </section> `;
}

function renderContents({ troubles, resolved, served, rejected }: OverviewFacts): Html {
  return html`<nav aria-label="On this page">
    ${troubles.length > 0 ? html`<a href="#troubles">Troubles</a>` : undefined}
    <a href="#refused">Refused pulls</a>
    ${resolved.length > 0 ? html`<a href="#resolved">Signed since</a>` : undefined}
    <a href="#served">What is served</a>
    ${hasFaults({ served, rejected }) ? html`<a href="#rejected">Rejected files</a>` : undefined}
    <a href="#keys">Keys</a>
    <a href="#rates">The last hour</a>
  </nav> `;
}

function renderRefused({ refused, now }: OverviewFacts): Html {
  const { shown, total, dropped } = refused;
  return html`<section aria-labelledby="refused">
    <h2 id="refused">Refused pulls</h2>
    ${
      total === 0
        ? html`<p>No node has asked in vain for a signature.</p>`
        : html`<p class="soft">Nodes asked for these images, and found no signature.</p>
            ${renderPulls(shown, now)}`
    }
    ${
      total > shown.length
        ? html`<p><a href="refused">All ${formatNumber(total)} refused pulls</a></p>`
        : undefined
    }
    ${
      dropped > 0
        ? html`<p class="soft">${formatNumber(dropped)} more were forgotten for lack of room.</p>`
        : undefined
    }
  </section> `;
}

function renderArrived({ resolved, now }: OverviewFacts): Html | undefined {
  if (resolved.length === 0) return undefined;
  return html`<section aria-labelledby="resolved">
    <h2 id="resolved">Signed since</h2>
    ${renderResolved(resolved, now)}
  </section> `;
}

function renderNewest({ newest }: OverviewFacts): Html | undefined {
  if (newest.length === 0) return undefined;
  return html`<h3>Signed last</h3>
    <ul class="images">
      ${newest.map((directory) => html`<li data-key="${directory}">${renderImageLink(directory)}</li> `)}
    </ul> `;
}

/** Before anything is loaded there may be a state that is refused; none is no news then. */
function hasFaults({ served, rejected }: Pick<OverviewFacts, 'served' | 'rejected'>): boolean {
  return served !== undefined || rejected.total > 0;
}

function renderFaults(facts: OverviewFacts): Html | undefined {
  const { total, files, hasMore } = facts.rejected;
  if (!hasFaults(facts)) return undefined;
  return html`<section aria-labelledby="rejected">
    <h2 id="rejected">Rejected files</h2>
    ${isStateRefused(facts) ? WHOLE_STATE : undefined}
    ${
      total === 0
        ? html`<p>Every file of the source that is meant for nodes can be served.</p>`
        : renderRejected(files, countOf(total, 'file'))
    }
    ${
      hasMore
        ? html`<p>
            <a href="${addressOf('rejected', { after: files.at(-1)?.path ?? '' })}">
              The other ${formatNumber(total - files.length)}
            </a>
          </p>`
        : undefined
    }
  </section> `;
}
