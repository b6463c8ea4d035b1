import { describeDirectory, parseAnyDirectory } from '../../../generator/terms/release-location.ts';
import { type Html, html } from '../../html/html.ts';
import { countOf, formatNumber } from '../../html/facts.ts';
import type { ResolvedPull } from '../../refused/refused-pull.ts';
import { addressOf, renderImageLink } from './links.ts';
import type { ExplainedPull, ShownPulls } from './overview-facts.ts';
import { renderFindings, renderReason } from './render-reason.ts';
import { type PageView, renderCommit } from './render-commit.ts';
import { describeDuration, renderTime } from './render-time.ts';
import { renderTable } from './render-table.ts';

/** Images that were looked up without a signature, with their reasons. */
export function renderPulls(pulls: readonly ExplainedPull[], view: PageView): Html {
  return html`<ol class="pulls">
    ${pulls.map((pull) => renderPull(pull, view))}
  </ol> `;
}

/** The first ones, and the way to all of them. */
export function renderSomePulls(
  { total, shown }: ShownPulls,
  which: Readonly<Record<string, string>>,
  view: PageView,
): Html {
  const all = html`<p>
    ${formatNumber(shown.length)} of ${formatNumber(total)} are shown:
    <a href="${addressOf('refused', which)}">show all</a>.
  </p>`;
  return html`${renderPulls(shown, view)}${total > shown.length ? all : undefined}`;
}

function renderPull(pull: ExplainedPull, view: PageView): Html {
  return html`<li data-key="${pull.directory}">
    <h3>${renderImageLink(pull.directory)}</h3>
    ${renderReason(pull.reason, nameImage(pull.directory))}${renderWhen(pull, view)}
    <details data-key="more">
      <summary>
        Who asked, and what was found<span class="unseen"> for ${nameImage(pull.directory)}</span>
      </summary>
      ${renderClients(pull)}${renderFindings(pull.reason, view)}
    </details>
  </li> `;
}

/** An image among others of a page. */
export function nameImage(directory: string): string {
  const { digestHex = '' } = parseAnyDirectory(directory) ?? {};
  return `${describeDirectory(directory)} sha256:${digestHex.slice(0, 8)}`;
}

/** How often, by whom, since when and until when. */
export function renderWhen(pull: ExplainedPull, { now }: PageView): Html {
  const { count, firstSeen, lastSeen, clients, hasMoreClients } = pull;
  const others = clients.length > 1 || hasMoreClients ? ' and others' : undefined;
  return html`<p class="soft">
    Asked for ${count === 1 ? 'once' : countOf(count, 'time')} by
    <code>${clients[0]}</code>${others},
    ${count === 1 ? undefined : 'last '}${renderTime(lastSeen, now)}
    ${count > 1 ? html`<span class="first">first ${renderTime(firstSeen, now)}</span>` : undefined}
  </p> `;
}

/** The addresses that asked. */
export function renderClients({ clients, hasMoreClients }: ExplainedPull): Html {
  return html`<p class="label">Clients</p>
    <ul class="clients">
      ${clients.map((client) => html`<li><code>${client}</code></li> `)}
      ${hasMoreClients ? html`<li>and others before them</li>` : undefined}
    </ul> `;
}

/** Those to which signatures came. */
export function renderResolved(pulls: readonly ResolvedPull[], view: PageView): Html {
  const rows = pulls.map(({ directory, firstSeen, arrivedAt, count, commit }) => ({
    key: `${directory} ${arrivedAt}`,
    cells: [
      renderImageLink(directory),
      html`signed ${describeDuration(arrivedAt - firstSeen)} after the first lookup`,
      countOf(count, 'time'),
      [
        renderTime(arrivedAt, view.now),
        commit === null ? undefined : html` ${renderCommit(commit, view)}`,
      ],
    ],
  }));
  return renderTable('Missing at first', ['Image', 'It took', 'Looked up', 'Signed since'], rows);
}
