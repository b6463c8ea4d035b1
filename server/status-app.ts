// The status listener, for operators: health, state, and a way to ask for a refresh.
import { isIP } from 'node:net';
import express, { type Express, type RequestHandler } from 'express';
import { Probes } from './health/probes.ts';
import { createFailedRequest } from './troubles/failed-request.ts';
import { createKeysJson } from './json/keys-json.ts';
import { createPageHeaders } from './html/page-headers.ts';
import { createExplainJson } from './json/explain-json.ts';
import { allowOnly, createStatusPages } from './status/pages.ts';
import { READ_METHODS } from './lookups/answer-headers.ts';
import { createRefusedJson } from './json/refused-json.ts';
import { Searches } from './search/searches.ts';
import { STATUS_SOURCES } from './status/render-frame.ts';
import { createRepositoriesJson } from './json/repositories-json.ts';
import { createResolveJson } from './json/resolve-json.ts';
import { sendJson } from './json/send-json.ts';
import type { StatusServices } from './status/services.ts';
import { toStatusJson } from './json/status-json.ts';

const READ = [
  '/status.json',
  '/refused.json',
  '/repositories.json',
  '/explain.json',
  '/keys.json',
  '/resolve.json',
  '/metrics',
];

// Pages of other sites can send a browser here. They must not make it do anything, nor, where only this
// machine is meant to read, read the answer under a name of their own that leads here (DNS rebinding).

/** Answers 403 to requests from pages of other sites. Programs do not send these headers. */
const refuseCrossSite: RequestHandler = (request, response, next) => {
  const { origin, host, 'sec-fetch-site': site = 'none' } = request.headers;
  const isOwn = origin === undefined || hostOf(origin) === host;
  // What the browser says holds behind a proxy under another name, too.
  if (site === 'same-origin' || (isOwn && site === 'none')) next();
  else sendJson(response.status(403), { message: 'pages of other sites may not ask for anything' });
};

/** On the loopback, answers 403 to requests that use a name which others may have pointed there. */
export const refuseOtherHosts: RequestHandler = (request, response, next) => {
  const { localAddress = '' } = request.socket;
  if (!LOOPBACK.test(localAddress) || isLocal(request.headers.host ?? '')) next();
  else response.status(403).type('text').send('use the address of this listener, or localhost\n');
};

const LOOPBACK = /^(?:(?:::ffff:)?127\..*|::1)$/;

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function isLocal(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === '' || name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

/** The Express app of the status listener. */
export function createStatusApp(services: StatusServices): Express {
  const { refresher, readiness, metrics, failures, log } = services;
  const searches = new Searches(refresher);
  const app = express();
  app.disable('x-powered-by');
  // With no referrer, browsers would not say that a form was sent by a page of this server.
  app.use(createPageHeaders(STATUS_SOURCES, 'same-origin'));
  app.use(refuseOtherHosts);
  app.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  const probes = new Probes(readiness, 'refresh');
  app.use((request, response, next) => {
    if (!probes.answer(request, response)) next();
  });
  app.get('/status.json', (_request, response) => {
    sendJson(response, toStatusJson(services));
  });
  app.get('/refused.json', createRefusedJson(services));
  app.get('/repositories.json', createRepositoriesJson(services));
  app.get('/explain.json', createExplainJson(services));
  app.get('/keys.json', createKeysJson(services, searches));
  app.get('/resolve.json', createResolveJson(services));
  app.get('/metrics', async (_request, response) => {
    const { contentType, text } = await metrics.read();
    response.setHeader('Content-Type', contentType).end(text);
  });
  app.post('/refresh', refuseCrossSite, (_request, response) => {
    refresher.request('request');
    sendJson(response.status(202), { message: 'refresh queued' });
  });
  app.post('/acknowledge', refuseCrossSite, (request, response) => {
    const { until } = request.query;
    const signatures = refresher.lost().acknowledge(typeof until === 'object' ? '' : until);
    // A reader of the page sees what is left.
    if (request.accepts(['json', 'html']) === 'html') response.redirect(303, './');
    else sendJson(response, { signatures });
  });
  app.all(READ, allowOnly(READ_METHODS));
  app.all(['/refresh', '/acknowledge'], allowOnly('POST, OPTIONS'));
  app.use(createStatusPages(services, searches));
  app.use((_request, response) => {
    response.status(404).end();
  });
  app.use(createFailedRequest('a request of the status listener', { failures, log }));
  return app;
}
