// The page for people at `/`: what this store is, whose signatures it serves, and how a node
// uses it. It needs nothing from anywhere else, and no script to be read.
import { html } from '../html/html.ts';
import { ICON, createInline } from '../html/inline.ts';
import type { PageSources } from '../html/page-headers.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { type ServedCounts, renderContents, renderServed } from './render-overview.ts';
import { renderPlaces, renderWithoutScopes } from './render-general.ts';
import type { PolicyFacts } from './page-facts.ts';
import { renderScopes } from './render-scopes.ts';
import { renderSetup } from './render-setup.ts';
import type { StoreAddress } from './store-address.ts';

/** What the page tells. */
export interface PageFacts extends PolicyFacts, StoreAddress {
  /** Undefined before the first generation. */
  readonly served: ServedCounts | undefined;
  readonly now: Date;
}

/** The page as HTML, which is XML too. */
export function renderPage(facts: PageFacts): string {
  const page = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Lookaside signature store</title>
        <link rel="icon" href="${ICON}" />
        ${STYLE.element}
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <h1>Lookaside signature store</h1>
          <p>
            This server holds detached signatures of container images. Podman, CRI-O, Skopeo and
            Buildah ask it whether an image is signed before they use it.
          </p>
          ${renderServed(facts)}
        </header>
        <nav aria-label="On this page">${renderContents(facts)}</nav>
        <main id="content" tabindex="-1">
          ${facts.scopes.length > 0 ? [renderSetup(facts), renderScopes(facts)] : renderWithoutScopes(facts)}
          ${renderPlaces(facts)}
        </main>
        <footer>
          <p>A node trusts only its own policy and keys. It never has to trust this server.</p>
        </footer>
        <p id="announcement" role="status"></p>
        ${SCRIPT.element}
      </body>
    </html> `;
  return page.markup;
}

const STYLE = createInline('style', PAGE_STYLE);
const SCRIPT = createInline('script', PAGE_SCRIPT);

/** What the content security policy of the page has to allow. */
export const PAGE_SOURCES: PageSources = {
  styleSrc: [STYLE.source],
  scriptSrc: [SCRIPT.source],
  imgSrc: ['data:'],
};
