import { describeKeyState } from '../html/describe-key-state.ts';
import { type KeyState, toKeyState } from '../../generator/openpgp/keys/key-state.ts';
import { keyPathOf } from './downloads.ts';
import { type Html, type Part, html } from '../html/html.ts';
import type { KeyGroup, PageFacts, PageKey } from './page-facts.ts';

/** Above, the keys are folded away. */
const SHOWN_KEYS = 6;

type KeyView = Pick<PageFacts, 'now' | 'served'>;

interface RenderedKeys {
  /** What the table depends on, beside the keys. */
  readonly stamp: string;
  readonly table: Html;
}

const rendered = new WeakMap<readonly KeyGroup[], RenderedKeys>();

/**
 * The keys of a scope. Tables of keys are most of a page, and the same for every address that it is
 * asked under: they are rendered again only when time, caption or what is served change.
 */
export function renderScopeKeys(
  groups: readonly KeyGroup[],
  caption: string,
  { now, served }: KeyView,
): Html {
  const stamp = `${now.getTime()} ${served?.loadedAt} ${caption}`;
  const last = rendered.get(groups);
  if (last?.stamp === stamp) return last.table;
  const table = renderKeysAnew(groups, caption, { now, served });
  rendered.set(groups, { stamp, table });
  return table;
}

/** In groups where more than one of a group has a say. */
function renderKeysAnew(groups: readonly KeyGroup[], caption: string, view: KeyView): Html {
  const count = groups.reduce((sum, { keys }) => sum + keys.length, 0);
  const isGrouped = groups.some(({ keys, identity }) => keys.length > 1 || identity !== undefined);
  const bodies = groups.map(({ keys, identity }, index) => {
    const head = isGrouped && groups.length > 1 ? renderHead(index + 1, identity) : undefined;
    return html`<tbody>
      ${head}${keys.map((key) => renderKey(key, view))}
    </tbody> `;
  });
  const table = html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        <th scope="col">Key</th>
        <th scope="col">State</th>
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

function renderKey({ life, ...key }: PageKey, { now, served }: KeyView): Html {
  const { fingerprint, userIds } = key;
  return html`<tr>
    <th scope="row">
      <a href="${keyPathOf(fingerprint)}"><code>${fingerprint}</code></a>
      ${userIds.map((userId): Part => html`<span class="user">${userId}</span>`)}
    </th>
    <td>${renderState(toKeyState(key, life, now, served?.isInUse), now)}</td>
  </tr> `;
}

function renderState(state: KeyState, now: Date): Part {
  const words = describeKeyState(state, now);
  const date = 'at' in state ? renderDate(state.at) : undefined;
  const isGood = ['good', 'expires', 'unknown'].includes(state.kind);
  return html`${date}${isGood ? words : html`<strong>${words}</strong>`}`;
}

function renderDate(time: string): Html {
  return html`<time datetime="${time}">${time.slice(0, 10)}</time> `;
}
