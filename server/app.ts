// Everything of the main listener that is not a lookup.
import { createHash } from 'node:crypto';
import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Lookup } from './lookup.ts';
import { PAGE_STYLE, renderPage } from './page.ts';
import type { ProgramLog } from './program-log.ts';
import type { Refresher } from './refresher.ts';
import { createWebhook } from './webhook.ts';

export interface AppOptions {
  readonly refresher: Refresher;
  readonly lookup: Lookup;
  readonly webhookSecrets: () => readonly string[];
  readonly branch: () => string | undefined;
  readonly log: ProgramLog;
}

/** The Express app behind the lookup: landing page and webhook. */
export function createApp(options: AppOptions): Express {
  const { refresher, lookup, webhookSecrets, branch, log } = options;
  const app = express();
  app.disable('x-powered-by');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  const styleHash = createHash('sha256').update(PAGE_STYLE).digest('base64');
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], styleSrc: [`'sha256-${styleHash}'`] },
      },
      // The store may be read over plain HTTP; what TLS it has is the operator's choice.
      strictTransportSecurity: false,
    }),
  );
  app.get('/', (request, response) => {
    const store = refresher.store();
    const { generation } = refresher.status();
    response.set('Cache-Control', 'no-store').type('html');
    response.send(
      renderPage({
        baseUrl: `${request.protocol}://${request.get('host') ?? 'this-host'}`,
        signatures: store?.signatures ?? 0,
        repositories: store?.repositories ?? 0,
        commit: generation?.commit ?? null,
        loadedAt: generation?.loadedAt ?? null,
      }),
    );
  });
  app.use(
    '/webhook',
    createWebhook({
      secrets: webhookSecrets,
      branch,
      onPush: (commit) => refresher.request('webhook', commit),
      log,
    }),
  );
  app.use((request, response) => lookup.answerUnknown(request, response));
  const onError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
    log.error({ error: String(error) }, 'a request failed');
    if (response.headersSent) next(error);
    else response.status(500).end();
  };
  app.use(onError);
  return app;
}
