import { type Html, type Part, html, htmlLines } from './html.ts';

/**
 * A block to copy, to which scripts add a button: `title` stands above it, undefined for none; `label`
 * tells it from the others of the page.
 */
export function renderBlock(title: Part, label: string, text: string): Html {
  return html`<figure class="block">
    ${title === undefined ? undefined : html`<figcaption>${title}</figcaption> `}
    <pre
      tabindex="0"
      role="group"
      aria-label="${label}"
    ><code>${htmlLines(text.trimEnd())}</code></pre>
  </figure> `;
}
