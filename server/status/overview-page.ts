import type { SignatureStore } from '../../generator/store/store.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import { renderAdvice } from '../html/render-advice.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { type Trouble, TROUBLES } from '../troubles/troubles.ts';
import type { RefusedPull } from '../refused/refused-pull.ts';
import { explainPulls } from './explain-pulls.ts';
import { renderAsk } from './parts/render-ask.ts';
import type { Page, PageRequest } from './page.ts';
import { addressOf, renderImageLink } from './parts/links.ts';
import {
  type ExplainedPull,
  type OverviewFacts,
  type ServedCounts,
  type ShownPulls,
  isStateRefused,
} from './parts/overview-facts.ts';
import { renderRates } from './parts/rate-chart.ts';
import { renderKeys } from './parts/render-keys.ts';
import { renderPulls, renderResolved } from './parts/render-pulls.ts';
import { WHOLE_STATE, renderRejected } from './parts/render-rejected.ts';
import { renderCommit } from './parts/render-commit.ts';
import { renderServed, renderState } from './parts/render-state.ts';
import { renderTime } from './parts/render-time.ts';
import type { StatusServices } from './services.ts';
import { sortPulls } from './sort-pulls.ts';
import { readStatusKeys } from './status-keys.ts';

/** The page at `/`. */
export async function makeOverviewPage(request: PageRequest): Promise<Page> {
  const facts = await readOverview(request);
  return { status: 200, title: 'Signature store', content: renderOverview(facts) };
}

/** "Lately", in milliseconds. */
const HOUR = 3_600_000;
/** Pulls to which signatures came. */
const RESOLVED = 20;
/** Names that the store has never had. */
const UNKNOWN = 20;

/** Gathers what the page at `/` tells. */
async function readOverview({
  services,
  searches,
  signal,
  now,
  commitUrl,
}: PageRequest): Promise<OverviewFacts> {
  const { source, refresher, policy, refused, lookups, troubles } = services;
  const [pulls, newest, rejected] = await Promise.all([
    readPulls(services),
    searches.newest(signal),
    searches.rejected('', '', signal),
  ]);
  const status = refresher.status();
  const store = refresher.store();
  const resolved = refused.resolved();
  const since = now.getTime() - HOUR;
  const isLate = ({ lastSeen }: RefusedPull): boolean => lastSeen > since;
  return {
    now,
    commitUrl,
    source: { kind: source.kind, location: source.location, branch: source.branch() },
    status,
    troubles: troubles.list(),
    lostUntil: refresher.lost().loss?.until,
    served: store && countServed(store),
    newest,
    refused: {
      known: pulls.known,
      unknown: pulls.unknown,
      lately: pulls.all.known.filter(isLate).length,
      unknownLately: pulls.all.unknown.filter(isLate).length,
      resolvedLately: resolved.filter(isLate).length,
      dropped: refused.dropped(),
    },
    resolved: resolved.slice(0, RESOLVED),
    rejected,
    keys: readStatusKeys(policy(), store, now),
    minutes: lookups.lastHour(),
    countedSince: lookups.startedAt,
  };
}

/** Of what git says that the store had it once, that is known when its reason is. */
async function readPulls(services: StatusServices) {
  const list = services.refused.list();
  const { known, unknown } = sortPulls(list, services);
  const asked = [...known.slice(0, ON_A_PAGE), ...unknown.slice(0, UNKNOWN)];
  const explained = new Map(
    (await explainPulls(asked, services)).map((pull) => [pull.directory, pull]),
  );
  const all = sortPulls(list, services);
  const show = (pulls: readonly RefusedPull[], most: number): ShownPulls => ({
    total: pulls.length,
    shown: pulls.slice(0, most).map((pull) => explained.get(pull.directory) ?? unexplained(pull)),
  });
  return { all, known: show(all.known, ON_A_PAGE), unknown: show(all.unknown, UNKNOWN) };
}

function unexplained(pull: RefusedPull): ExplainedPull {
  return { ...pull, reason: undefined };
}

function countServed({ signatures, images, repositories, signers }: SignatureStore): ServedCounts {
  return { signatures, images, repositories, signers: signers.size };
}

/** What is wrong comes first. */
function renderOverview(facts: OverviewFacts): Html {
  return html`${renderState(facts)} ${renderContents(facts)} ${renderTroubles(facts)}
    ${renderRefused(facts)} ${renderArrived(facts)}
    <section aria-labelledby="ask">
      <h2 id="ask">Would nodes accept this image?</h2>
      ${renderAsk('', '')}
    </section>
    <section aria-labelledby="served">
      <h2 id="served">What is served</h2>
      ${renderServed(facts)} ${renderNewest(facts)}
    </section>
    ${renderFaults(facts)}
    <section aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      ${
        facts.keys
          ? html`${renderKeys(facts.keys, facts.now)}
              <p><a href="keys">What would be refused without them, or later</a></p>`
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
    <a href="#refused">Missing signatures</a>
    ${resolved.length > 0 ? html`<a href="#resolved">Signed since</a>` : undefined}
    <a href="#ask">Would nodes accept it?</a>
    <a href="#served">What is served</a>
    ${hasFaults({ served, rejected }) ? html`<a href="#rejected">Rejected files</a>` : undefined}
    <a href="#keys">Keys</a>
    <a href="#rates">The last hour</a>
  </nav> `;
}

function renderRefused(facts: OverviewFacts): Html {
  const { known, unknown, dropped } = facts.refused;
  return html`<section aria-labelledby="refused">
    <h2 id="refused">Missing signatures</h2>
    ${
      known.total + unknown.total === 0
        ? html`<p>
            No image was looked up without a signature in the last seven days, as far as this server
            remembers.
          </p>`
        : html`<p class="soft">
            Nodes looked up these images, and there was no signature. A node whose policy requires
            one refused the image; a node that accepts anything went on.
            <a href="refused">Filter and group them</a>
          </p>`
    }
    ${renderPulls(known.shown, facts)}
    ${
      known.total > known.shown.length
        ? html`<p>
            <a href="${addressOf('refused', { names: 'known' })}"
              >All ${formatNumber(known.total)} images</a
            >
          </p>`
        : undefined
    }
    ${unknown.total > 0 ? renderUnknown(facts) : undefined}
    ${
      dropped > 0
        ? html`<p class="soft">
            ${formatNumber(dropped)} more were forgotten because there was no room for them.
          </p>`
        : undefined
    }
  </section> `;
}

function renderUnknown(facts: OverviewFacts): Html {
  const { total, shown } = facts.refused.unknown;
  return html`<details id="unknown-names" class="folded">
    <summary>
      ${countOf(total, 'image of a repository', 'images of repositories')} that this store has never
      had
    </summary>
    <p class="soft">
      Anybody can look up any name, so these may be made up. They may also be images of a repository
      for which nobody has signed yet, or of nodes that were given the wrong store.
    </p>
    ${renderPulls(shown, facts)}
    ${
      total > shown.length
        ? html`<p>
            <a href="${addressOf('refused', { names: 'unknown' })}"
              >All ${formatNumber(total)} images</a
            >
          </p>`
        : undefined
    }
  </details> `;
}

function renderArrived(facts: OverviewFacts): Html | undefined {
  const { resolved } = facts;
  if (resolved.length === 0) return undefined;
  return html`<section aria-labelledby="resolved">
    <h2 id="resolved">Signed since</h2>
    ${renderResolved(resolved, facts)}
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
function renderTroubles(facts: OverviewFacts): Html | undefined {
  const { troubles } = facts;
  if (troubles.length === 0) return undefined;
  return html`<section aria-labelledby="troubles">
    <h2 id="troubles">Troubles</h2>
    <ul class="findings">
      ${troubles.map((trouble) => renderTrouble(trouble, facts))}
    </ul>
  </section> `;
}

function renderTrouble(trouble: Trouble, view: OverviewFacts): Html {
  const { kind, since, message, hint, commit, author } = trouble;
  return html`<li data-key="${kind}">
    <code class="code">${kind}</code> ${TROUBLES[kind]}
    <p>${message}</p>
    ${hint === undefined ? undefined : renderAdvice(hint, `the cure for ${kind}`)}
    ${
      commit === undefined
        ? undefined
        : html`<p class="soft">
            Caused by commit
            ${renderCommit(commit, view)}${author === undefined ? undefined : html` of <bdi>${author}</bdi>`}
          </p>`
    }
    <p class="soft">Since ${renderTime(since, view.now)}</p>
    ${kind === 'signatures-lost' ? renderAcknowledge(view) : undefined}
  </li> `;
}

/** What is taken away after the page was made is not acknowledged with it. */
function renderAcknowledge({ lostUntil }: OverviewFacts): Html | undefined {
  if (lostUntil === undefined) return undefined;
  return html`<form
    id="acknowledge"
    action="${addressOf('acknowledge', { until: lostUntil })}"
    method="post"
  >
    <p>If this was meant: <button>Acknowledge</button></p>
  </form> `;
}
