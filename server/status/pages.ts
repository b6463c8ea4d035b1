// The status pages for people: HTML that needs no script, and is cheap to ask for again and again.
import express, { type ErrorRequestHandler, type RequestHandler, type Router } from 'express';
import { createFailedRequest } from '../troubles/failed-request.ts';
import { READ_METHODS } from '../lookups/answer-headers.ts';
import { html } from '../html/html.ts';
import { makeExplainPage } from './explain-page.ts';
import { makeImagePage } from './image-page.ts';
import { makeKeysPage } from './keys-page.ts';
import { TooBusyError } from '../search/lane.ts';
import { makeOverviewPage } from './overview-page.ts';
import { type Page, type PageRequest, WAY_OUT } from './page.ts';
import { renderFrame } from './render-frame.ts';
import { makeRefusedPage } from './refused-page.ts';
import { makeRejectedPage } from './rejected-page.ts';
import { makeRepositoryPage } from './repository-page.ts';
import { makeSearchPage } from './search-page.ts';
import type { Searches } from '../search/searches.ts';
import type { StatusServices } from './services.ts';

const PAGES: Readonly<Record<string, (request: PageRequest) => Promise<Page>>> = {
  '/': makeOverviewPage,
  '/refused': makeRefusedPage,
  '/rejected': makeRejectedPage,
  '/search': makeSearchPage,
  '/repository': makeRepositoryPage,
  '/image': makeImagePage,
  '/explain': makeExplainPage,
  '/keys': makeKeysPage,
};

/** Makes the routes of these pages; what is none of them is left to the next one. */
export function createStatusPages(services: StatusServices, searches: Searches): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  const frame = (page: Page, now = new Date()): string =>
    renderFrame(page, { now, program: services.program });
  for (const [path, make] of Object.entries(PAGES)) {
    router.get(path, async ({ query }, response) => {
      const now = new Date();
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const page = await make({
        query,
        services,
        searches,
        signal: gone.signal,
        now,
        commitUrl: services.commitUrl,
      });
      response.status(page.status).type('html').send(frame(page, now));
    });
    router.all(path, allowOnly(READ_METHODS));
  }
  // Programs get an empty answer from whatever comes next.
  router.use(({ method, headers }, response, next) => {
    if (method !== 'GET' || !headers.accept?.includes('text/html')) next();
    else response.status(404).type('html').send(frame(NOT_FOUND));
  });
  const fail = createFailedRequest('a status page', {
    ...services,
    answer: (response) => void response.status(500).type('html').send(frame(FAILED)),
  });
  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    // Nobody waits for it.
    if (response.destroyed) return;
    if (error instanceof TooBusyError) {
      response.status(503).set('Retry-After', '2').type('html');
      response.send(frame(BUSY));
      return;
    }
    fail(error, request, response, next);
  };
  router.use(onError);
  return router;
}

/** For an address whose other methods were answered before. */
export function allowOnly(methods: string): RequestHandler {
  return (_request, response) => {
    response.status(405).set('Allow', methods).end();
  };
}

const NOT_FOUND: Page = {
  status: 404,
  title: 'There is no such page',
  content: WAY_OUT,
};

const BUSY: Page = {
  status: 503,
  title: 'Too many searches at once',
  content: html`<p>Others are searching too. Try again in a moment.</p>
    ${WAY_OUT}`,
};

const FAILED: Page = {
  status: 500,
  title: 'This page cannot be shown',
  content: html`<p>
      Something went wrong here; the log says what. Signatures are served as before.
    </p>
    ${WAY_OUT}`,
};
