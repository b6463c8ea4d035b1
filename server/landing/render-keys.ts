import type { KeyInfo } from '../../generator/openpgp/openpgp-js.ts';
import { keyPathOf } from './downloads.ts';
import { type Html, type Part, html } from './html.ts';
import type { KeyGroup } from './page-facts.ts';
import { describeExpiry } from './words.ts';

/** Above, the keys are folded away. */
const SHOWN_KEYS = 6;

/** The keys of a scope, in groups where more than one of a group has a say. */
export function renderKeys(groups: readonly KeyGroup[], caption: string, now: Date): Html {
  const count = groups.reduce((sum, { keys }) => sum + keys.length, 0);
  const isGrouped = groups.some(({ keys, identity }) => keys.length > 1 || identity !== undefined);
  const bodies = groups.map(({ keys, identity }, index) => {
    const head = isGrouped && groups.length > 1 ? renderHead(index + 1, identity) : undefined;
    return html`<tbody>
      ${head}${keys.map((key) => renderKey(key, now))}
    </tbody> `;
  });
  const table = html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        <th scope="col">Key</th>
        <th scope="col">Expiry</th>
      </tr>
    </thead>
    ${bodies}
  </table> `;
  if (count <= SHOWN_KEYS) return table;
  return html`<details>
    <summary>Show all ${count} keys</summary>
    ${table}
  </details> `;
}

function renderHead(number: number, identity: string | undefined): Html {
  return html`<tr>
    <th colspan="2" scope="rowgroup">Signature ${number} <span>${identity}</span></th>
  </tr> `;
}

function renderKey({ fingerprint, userIds, expires }: KeyInfo, now: Date): Html {
  return html`<tr>
    <th scope="row">
      <a href="${keyPathOf(fingerprint)}"><code>${fingerprint}</code></a>
      ${userIds.map((userId): Part => html`<span class="user">${userId}</span>`)}
    </th>
    <td>${expires === null ? undefined : renderDate(expires)}${renderExpiry(expires, now)}</td>
  </tr> `;
}

function renderExpiry(expires: string | null, now: Date): Part {
  const words = describeExpiry(expires, now);
  return words.startsWith('expired') ? html`<strong>${words}</strong>` : words;
}

function renderDate(expires: string): Html {
  return html`<time datetime="${expires}">${expires.slice(0, 10)}</time> `;
}
