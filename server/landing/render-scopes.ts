import { type Html, html } from '../html/html.ts';
import type { PageFacts } from './render-page.ts';
import { renderScope } from './render-scope.ts';

/** Above, what nodes need for each scope is folded away. */
const SHOWN_SCOPES = 8;

/** The sections of all scopes. */
export function renderScopes({ scopes, otherScopes, url, now }: PageFacts): Html {
  return html`<section id="scopes">
    <h2>Whose signatures count</h2>
    <p>
      For each part of the images: the keys, and what a node has to be told.
      ${describeOthers(otherScopes)}
    </p>
    ${scopes.map((scope) => renderScope(scope, url, scopes.length > SHOWN_SCOPES, now))}
  </section> `;
}

function describeOthers(otherScopes: number): string {
  if (otherScopes === 0) return '';
  return otherScopes === 1
    ? 'One more part does not ask for signatures by keys alone, and is not shown.'
    : `${otherScopes} more parts do not ask for signatures by keys alone, and are not shown.`;
}
