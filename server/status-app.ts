// The status listener, for operators: health, state, and a way to ask for a refresh.
import express, { type Express } from 'express';
import helmet from 'helmet';
import type { KeyInfo } from '../generator/openpgp/openpgp-js.ts';
import { sortByPath } from '../generator/report.ts';
import type { Source } from '../generator/sources/source.ts';
import type { Refresher } from './refresher.ts';

export interface StatusAppOptions {
  readonly source: Source;
  readonly refresher: Refresher;
  readonly keys: () => readonly KeyInfo[];
}

/** The Express app of the status listener. */
export function createStatusApp({ source, refresher, keys }: StatusAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(helmet());
  app.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  app.get('/livez', (_request, response) => {
    response.type('text').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const isReady = refresher.store() !== undefined;
    response.status(isReady ? 200 : 503).type('text');
    response.send(isReady ? 'ok\n' : 'no generation is loaded yet\n');
  });
  app.get('/status.json', (_request, response) => {
    const store = refresher.store();
    response.json({
      version: 1,
      source: { kind: source.kind, location: source.location, branch: source.branch() ?? null },
      ...refresher.status(),
      signatures: store?.signatures ?? 0,
      repositories: store?.repositories ?? 0,
      summary: store?.summary ?? null,
      keys: keys(),
      rejected: sortByPath(refresher.rejected()),
    });
  });
  app.post('/refresh', (_request, response) => {
    refresher.request('request');
    response.status(202).json({ message: 'refresh queued' });
  });
  app.use((_request, response) => {
    response.status(404).end();
  });
  return app;
}
