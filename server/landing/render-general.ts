// What is said whatever the policy, and where it says nothing of keys.
import { formatDirectory, formatLocation } from '../../generator/terms/location.ts';
import { formatExampleSection } from './node-guide.ts';
import { formatStoreUrl } from '../../generator/nodes/store-url.ts';
import { renderBlock } from './blocks.ts';
import { type Html, html } from '../html/html.ts';
import type { PageFacts } from './render-page.ts';

/** How to use a store that cannot say whose signatures it has. */
export function renderWithoutScopes({ url, keyCount }: PageFacts): Html {
  const why =
    keyCount === undefined
      ? html`<p class="warning">
          <strong>Signatures are not checked here.</strong> This server was given no keys: it serves
          whatever has the form of a signature. Nodes check it by their own keys.
        </p>`
      : html`<p>This store judges by a policy that asks for more than signatures by keys.</p>`;
  return html`<section id="use">
    <h2>Use it on a node</h2>
    ${why}
    <p>
      Name the store for your registry. Policy and keys come from the people who sign, not from
      here.
    </p>
    ${renderBlock(html`<code>/etc/containers/registries.d/lookaside.yaml</code>`, 'registries.d section', formatExampleSection(url))}
  </section> `;
}

/** Where signatures lie, and what the server's answers mean. */
export function renderPlaces({ url }: PageFacts): Html {
  const place = formatLocation(formatDirectory('NAMESPACE/NAME', 'HEX'), 1);
  return html`<section id="places">
    <h2>Where a signature is</h2>
    ${renderBlock('the first signature of an image', 'address of a signature', formatStoreUrl(url, place))}
    <p>
      HEX is the sha256 digest of the image's manifest: for an image of several platforms, of the
      one that is pulled. Signatures are numbered from 1. 200 is a signature, and 404 the end of the
      list; 404 to the first number means that the image has no signature here.
    </p>
  </section> `;
}
