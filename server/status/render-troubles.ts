// What is wrong with the server itself, and who brought it, as far as somebody did.
import { type Html, html } from '../html/html.ts';
import { TROUBLES, type Trouble } from '../troubles/troubles.ts';
import type { OverviewFacts } from './parts/overview-facts.ts';
import { renderCommit } from './parts/render-state.ts';
import { renderTime } from './parts/render-time.ts';

/** Nothing where there is no trouble. */
export function renderTroubles({ troubles, now }: OverviewFacts): Html | undefined {
  if (troubles.length === 0) return undefined;
  return html`<section aria-labelledby="troubles">
    <h2 id="troubles">Troubles</h2>
    <ul class="findings">
      ${troubles.map((trouble) => renderTrouble(trouble, now))}
    </ul>
  </section> `;
}

function renderTrouble({ kind, since, message, hint, commit, author }: Trouble, now: Date): Html {
  return html`<li data-key="${kind}">
    <code class="code">${kind}</code> ${TROUBLES[kind]}
    <p>${message}</p>
    ${hint === undefined ? undefined : html`<p class="next">${hint}</p>`}
    ${
      commit === undefined
        ? undefined
        : html`<p class="soft">
            Brought by commit
            ${renderCommit(commit)}${author === undefined ? undefined : html` of <bdi>${author}</bdi>`}
          </p>`
    }
    <p class="soft">Since ${renderTime(since, now)}</p>
  </li> `;
}
