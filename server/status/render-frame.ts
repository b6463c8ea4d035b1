// What stands around every status page: the way home, the search, and the words for when the server
// is gone. Only `main` is put in anew by the script.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { html } from '../html/html.ts';
import { BASE_STYLE, COPY_BUTTONS, ICON, createInline } from '../html/inline.ts';
import type { PageSources } from '../html/page-headers.ts';
import type { Page } from './page.ts';
import type { StatusServices } from './services.ts';

const STATUS_STYLE = BASE_STYLE + readFileSync(new URL('status-page.css', import.meta.url), 'utf8');
const STATUS_SCRIPT =
  COPY_BUTTONS + readFileSync(new URL('status-page.js', import.meta.url), 'utf8');

const STYLE = createInline('style', STATUS_STYLE);
const SCRIPT = createInline('script', STATUS_SCRIPT);

/** By which the script knows a page of its own from what a proxy answers in its place. */
const BUILD = createHash('sha256').update(STATUS_STYLE).update(STATUS_SCRIPT).digest('hex');

/** What the content security policy of the pages has to allow. */
export const STATUS_SOURCES: PageSources = {
  styleSrc: [STYLE.source],
  scriptSrc: [SCRIPT.source],
  imgSrc: ['data:'],
  connectSrc: ["'self'"],
  formAction: ["'self'"],
};

/** What the frame tells itself. */
export interface Frame {
  readonly now: Date;
  readonly program: StatusServices['program'];
}

/** A page as HTML, which is XML too. */
export function renderFrame({ title, content, query }: Page, { now, program }: Frame): string {
  const page = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} - Lookaside status</title>
        <link rel="icon" href="${ICON}" />
        ${STYLE.element}
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <a class="home" href="./">Lookaside <span>status</span></a>
          <form action="search" method="get" role="search">
            <label for="q">Repository, image, digest or key</label>
            <input
              id="q"
              name="q"
              type="search"
              value="${query}"
              autocomplete="off"
              autocapitalize="off"
              spellcheck="false"
            />
            <button>Search</button>
          </form>
        </header>
        <p id="connection" role="status"></p>
        <main id="content" data-build="${BUILD}" tabindex="-1">
          <h1>${title}</h1>
          ${content}
          <p class="as-of">As of ${now.toISOString().slice(0, 19).replace('T', ' ')} UTC</p>
        </main>
        <footer>
          <div id="updates"></div>
          <p>Lookaside ${program.version}, Node ${program.nodeVersion}</p>
        </footer>
        <p id="announcement" class="unseen" role="status"></p>
        ${SCRIPT.element}
      </body>
    </html> `;
  return page.markup;
}
