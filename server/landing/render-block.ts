// The recurring parts of the page.
import { type Html, type Part, html, htmlLines } from '../html/html.ts';

/** A block to copy: `title` stands above it, `label` tells it from the others of the page. */
export function renderBlock(title: Part, label: string, text: string): Html {
  return html`<figure>
    <figcaption>${title}</figcaption>
    <pre
      tabindex="0"
      role="group"
      aria-label="${label}"
    ><code>${htmlLines(text.trimEnd())}</code></pre>
  </figure> `;
}
