import { type Html, type Part, html } from '../../html/html.ts';
import { describeKeyState } from '../../html/describe-key-state.ts';
import { formatNumber } from '../../html/facts.ts';
import { renderFingerprint } from './links.ts';
import { type StatusKey, urgencyOf } from './overview-facts.ts';
import { renderTable } from './render-table.ts';

/** Above, the others are folded away. */
const SHOWN = 10;
const ORDER = ['ended', 'soon', 'none'];

/** The accepted keys; those that somebody should look at come first. */
export function renderKeys(keys: readonly StatusKey[], now: Date): Html {
  const sorted = keys.toSorted(
    (a, b) =>
      ORDER.indexOf(urgencyOf(a.state, now)) - ORDER.indexOf(urgencyOf(b.state, now)) ||
      (b.signed?.images ?? 0) - (a.signed?.images ?? 0),
  );
  const others = sorted.slice(SHOWN);
  return html`${renderTableOf('Accepted keys', sorted.slice(0, SHOWN), now)}
  ${
    others.length > 0
      ? html`<details id="other-keys">
          <summary>Show ${formatNumber(others.length)} more</summary>
          ${renderTableOf('More accepted keys', others, now)}
        </details> `
      : undefined
  }`;
}

function renderTableOf(caption: string, keys: readonly StatusKey[], now: Date): Html {
  const rows = keys.map(({ fingerprint, userIds, state, signed }) => ({
    key: fingerprint,
    cells: [
      [
        renderFingerprint(fingerprint),
        userIds.map((userId) => html`<span class="user">${userId}</span>`),
      ],
      renderKeyState({ state }, now),
      formatNumber(signed?.images ?? 0),
      formatNumber(signed?.soleImages ?? 0),
    ],
  }));
  return renderTable(caption, ['Key', 'State', 'Images', 'Signed only by it'], rows);
}

/** Whether a key is good, and until when. */
export function renderKeyState({ state }: Pick<StatusKey, 'state'>, now: Date): Part {
  const words = describeKeyState(state, now);
  const date =
    'at' in state
      ? html` <time class="when" datetime="${state.at}">${state.at.slice(0, 10)}</time>`
      : undefined;
  const urgency = urgencyOf(state, now);
  if (urgency === 'none') return [words, date];
  return [html`<strong class="mark ${urgency}">${words}</strong>`, date];
}
