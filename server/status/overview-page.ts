import { toKeyState } from '../../generator/openpgp/keys/key-state.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { type Trouble, TROUBLES } from '../troubles/troubles.ts';
import { explainPulls } from './explain-pulls.ts';
import type { Page, PageRequest } from './page.ts';
import { addressOf, renderImageLink } from './parts/links.ts';
import {
  type OverviewFacts,
  type ServedCounts,
  type StatusKey,
  isStateRefused,
} from './parts/overview-facts.ts';
import { renderRates } from './parts/rate-chart.ts';
import { renderKeys } from './parts/render-keys.ts';
import { renderPulls, renderResolved } from './parts/render-pulls.ts';
import { WHOLE_STATE, renderRejected } from './parts/render-rejected.ts';
import { renderCommit, renderServed, renderState } from './parts/render-state.ts';
import { renderTime } from './parts/render-time.ts';

/** The page at `/`. */
export async function makeOverviewPage(request: PageRequest): Promise<Page> {
  const facts = await readOverview(request);
  return { status: 200, title: 'Signature store', content: renderOverview(facts) };
}

/** "Lately", in milliseconds. */
const HOUR = 3_600_000;
/** Pulls to which signatures came. */
const RESOLVED = 20;

/** Gathers what the page at `/` tells. */
async function readOverview({
  services,
  searches,
  signal,
  now,
}: PageRequest): Promise<OverviewFacts> {
  const { source, refresher, policy, refused, lookups, troubles } = services;
  const pulls = refused.list();
  const [shown, newest, rejected] = await Promise.all([
    explainPulls(pulls.slice(0, ON_A_PAGE), services),
    searches.newest(signal),
    searches.rejected('', '', signal),
  ]);
  const status = refresher.status();
  const store = refresher.store();
  const resolved = refused.resolved();
  const since = now.getTime() - HOUR;
  return {
    now,
    source: { kind: source.kind, location: source.location, branch: source.branch() },
    status,
    troubles: troubles.list(),
    served: store && countServed(store),
    newest,
    refused: {
      total: pulls.length,
      lately: pulls.filter(({ lastSeen }) => lastSeen > since).length,
      resolvedLately: resolved.filter(({ lastSeen }) => lastSeen > since).length,
      dropped: refused.dropped(),
      shown,
    },
    resolved: resolved.slice(0, RESOLVED),
    rejected,
    keys: readKeys(policy(), store, now),
    minutes: lookups.lastHour(),
    countedSince: lookups.startedAt,
  };
}

function countServed({ signatures, images, repositories, signers }: SignatureStore): ServedCounts {
  return { signatures, images, repositories, signers: signers.size };
}

function readKeys(
  { keyring }: Policy,
  store: SignatureStore | undefined,
  now: Date,
): readonly StatusKey[] | undefined {
  const isInUse = (subkey: string): boolean => store?.hasSigned(subkey) ?? false;
  return keyring?.keys.map((key) => ({
    ...key,
    state: toKeyState(key, keyring.lives.get(key.fingerprint), now, isInUse),
    signed: store?.signers.get(key.fingerprint),
  }));
}

/** What is wrong comes first. */
function renderOverview(facts: OverviewFacts): Html {
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
          : html`<p>The server has no keys, so it does not check who signed.</p>`
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
        ? html`<p>No node has asked for an image without a signature.</p>`
        : html`<p class="soft">Nodes asked for signatures of these images and found none.</p>
            ${renderPulls(shown, now)}`
    }
    ${
      total > shown.length
        ? html`<p><a href="refused">All ${formatNumber(total)} refused pulls</a></p>`
        : undefined
    }
    ${
      dropped > 0
        ? html`<p class="soft">
            ${formatNumber(dropped)} more were forgotten because there was no room for them.
          </p>`
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
  const { total, items: files, hasMore } = facts.rejected;
  if (!hasFaults(facts)) return undefined;
  return html`<section aria-labelledby="rejected">
    <h2 id="rejected">Rejected files</h2>
    ${isStateRefused(facts) ? WHOLE_STATE : undefined}
    ${
      total === 0
        ? html`<p>Every signature file in the source can be served.</p>`
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

// What is wrong with the server itself, and who brought it, as far as somebody did.

/** Nothing where there is no trouble. */
function renderTroubles({ troubles, now }: OverviewFacts): Html | undefined {
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
            Caused by commit
            ${renderCommit(commit)}${author === undefined ? undefined : html` of <bdi>${author}</bdi>`}
          </p>`
    }
    <p class="soft">Since ${renderTime(since, now)}</p>
  </li> `;
}
