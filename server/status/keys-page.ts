import type { Forecast, LostImage } from '../../generator/forecast/forecast.ts';
import { NO_COVERAGE } from '../../generator/forecast/forecast.ts';
import type { Supposition } from '../../generator/forecast/accepted-signers.ts';
import type { KeyReport } from '../../generator/forecast/key-report.ts';
import { formatToSign, sortLost } from '../../generator/forecast/keys-object.ts';
import { formatTime } from '../../generator/terms/text.ts';
import { countOf, formatNumber } from '../html/facts.ts';
import { type Html, html } from '../html/html.ts';
import { ON_A_PAGE } from '../search/searches.ts';
import { readForecastQuery } from './forecast-query.ts';
import { type Page, type PageRequest, notLoaded, readParameter, refuseQuery } from './page.ts';
import { renderFingerprint, renderImageLink } from './parts/links.ts';
import { renderKeyState } from './parts/render-keys.ts';
import { renderTable } from './parts/render-table.ts';

/** What each key covers, and with `?at=` or `&without=` what nodes would refuse then. */
export async function makeKeysPage({
  query,
  services,
  searches,
  signal,
  now,
}: PageRequest): Promise<Page> {
  const [at, without] = [readParameter(query, 'at'), readParameter(query, 'without')];
  if (at === undefined) return refuseQuery('at= takes one time.');
  if (without === undefined) return refuseQuery('without= takes fingerprints, in one text.');
  const policy = services.policy();
  const supposition = readForecastQuery({ at, without }, policy, now);
  if (typeof supposition === 'string') return refuseQuery(`${supposition}.`);
  if (!services.refresher.store()) return notLoaded(services.refresher.status(), undefined);
  const { keys, forecast } = await searches.foreseen({ policy, now, supposition }, signal);
  return {
    status: 200,
    title: 'Keys that age',
    content: html`${supposition ? renderForecast(supposition, forecast) : undefined}
      <section aria-labelledby="ask">
        <h2 id="ask">What would nodes refuse?</h2>
        ${renderForm(at, without)}
      </section>
      <section aria-labelledby="keys">
        <h2 id="keys">Keys</h2>
        ${
          keys.length > 0
            ? renderReports(keys, forecast, now)
            : html`<p>The server has no keys, so it does not check who signed.</p>`
        }
      </section>`,
  };
}

function renderForecast({ at, without }: Supposition, forecast: Forecast): Html {
  const { lostImages, lostSignatures, revived } = forecast;
  const lost = sortLost(forecast.lost).slice(0, ON_A_PAGE);
  return html`<section aria-labelledby="lost">
    <h2 id="lost">What nodes would refuse</h2>
    <p>
      ${without.size > 0 ? html`Without ${[...without].map(renderFingerprint)}, at` : 'At'}
      <time datetime="${formatTime(at.getTime())}">${formatTime(at.getTime())}</time>,
      ${countOf(lostImages, 'image')} of ${formatNumber(forecast.images)} would be refused, and
      ${countOf(lostSignatures, 'signature')} would count no more.
      ${
        lostImages > lost.length
          ? html`Some of them are below; <code>lookaside keys</code> lists all.`
          : undefined
      }
      ${
        revived.length > 0
          ? html`Keys that are not good now and would be then, whose signatures are not counted:
            ${revived.map(renderFingerprint)}`
          : undefined
      }
    </p>
    ${lost.length > 0 ? renderLost(lost) : undefined}
  </section> `;
}

function renderLost(lost: readonly LostImage[]): Html {
  const rows = lost.map((image) => ({
    key: formatToSign(image),
    cells: [
      `${image.name}${image.tag === undefined ? '' : `:${image.tag}`}`,
      renderImageLink(image.directory),
      image.signers.map(renderFingerprint),
    ],
  }));
  return renderTable('Images to sign again', ['Signed as', 'Image', 'Signed by'], rows);
}

function renderForm(at: string, without: string): Html {
  return html`<form class="fields" action="keys" method="get">
    <p>
      <label for="at">At a date, or in so many days</label>
      <input id="at" name="at" value="${at}" placeholder="90d" maxlength="30" autocomplete="off" />
    </p>
    <p>
      <label for="without">Without a key, by its fingerprint</label>
      <input
        id="without"
        name="without"
        value="${without}"
        maxlength="1000"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
      />
    </p>
    <p class="go"><button>Ask</button></p>
  </form> `;
}

/** An image is a digest under a name: other pages count digests. */
function renderReports(keys: readonly KeyReport[], { keys: all }: Forecast, now: Date): Html {
  const rows = keys.map((key) => {
    const { images, soleImages } = all.get(key.fingerprint) ?? NO_COVERAGE;
    return {
      key: key.fingerprint,
      cells: [
        [
          renderFingerprint(key.fingerprint),
          key.userIds.map((userId) => html`<span class="user">${userId}</span>`),
        ],
        renderKeyState(key, now),
        key.parts
          .filter(({ isSigner }) => isSigner)
          .map(({ algorithm }) => algorithm.label)
          .join(', '),
        key.scopes.map((name) => (name === '' ? 'the default' : name)).join(', '),
        formatNumber(images),
        formatNumber(soleImages),
        key.objections.map(({ message }) => html`<p class="soft">${message}</p>`),
      ],
    };
  });
  const titles = ['Key', 'State', 'Signs with', 'Scopes', 'Names', 'Only by it', 'Refused by'];
  return renderTable('Accepted keys', titles, rows);
}
