// What is served, and what the page has.
import { formatStoreUrl } from '../../generator/nodes/store-url.ts';
import type { Generation } from '../follow/generations.ts';
import { type Html, html } from '../html/html.ts';
import { countOf, renderFact } from '../html/facts.ts';
import type { PageFacts } from './render-page.ts';
import { renderTitle } from './render-scope.ts';

/** What is in force. */
export interface ServedCounts extends Pick<Generation, 'commit' | 'loadedAt'> {
  readonly signatures: number;
  readonly repositories: number;
}

/** The facts of the store, as a list. */
export function renderServed({ served, url, keyCount }: PageFacts): Html {
  const facts = [
    renderFact('Address', html`<code>${formatStoreUrl(url, '')}</code>`),
    renderFact('Serves', describeServed(served)),
    served?.commit ? renderFact('Commit', html`<code>${served.commit}</code>`) : undefined,
    served ? renderFact('Since', renderTime(served.loadedAt)) : undefined,
    renderFact('Checks', describeChecks(keyCount)),
  ];
  return html`<dl>${facts}</dl>`;
}

function describeServed(served: ServedCounts | undefined): string {
  if (!served) return 'The signatures are being loaded.';
  const { signatures, repositories } = served;
  const of = countOf(repositories, 'repository', 'repositories');
  return `${countOf(signatures, 'signature')} of ${of}`;
}

function describeChecks(keyCount: number | undefined): string {
  return keyCount === undefined
    ? 'the form of signatures, not who made them'
    : `every signature, against ${countOf(keyCount, 'key')}`;
}

/** ISO 8601, to the minute. */
function renderTime(time: string): Html {
  return html`<time datetime="${time}">${time.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

/** Links to the sections. */
export function renderContents({ scopes }: PageFacts): Html {
  const links = scopes.map(
    (scope) => html`<li><a href="#${scope.id}">${renderTitle(scope)}</a></li> `,
  );
  const own =
    scopes.length === 0
      ? html`<li><a href="#use">Use it on a node</a></li>`
      : html`<li><a href="#setup">Set up a node</a></li>
          <li>
            <a href="#scopes">Whose signatures count</a>
            <ul>
              ${links}
            </ul>
          </li>`;
  return html`<ul>
    ${own}
    <li><a href="#places">Where a signature is</a></li>
  </ul>`;
}
