// `/repositories.json`: the repositories with signatures, page by page.
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { findRepositories } from '../search/find-page.ts';
import { sendJson } from './send-json.ts';
import type { StatusServices } from '../status/services.ts';
import { countUpTo, readQuery } from './query.ts';

const SHOWN = 100;
const MOST_SHOWN = 1000;
const text = z.string('expected a text, once').default('');
const querySchema = z.strictObject({
  prefix: text,
  after: text,
  limit: countUpTo(MOST_SHOWN).default(SHOWN),
});

export function createRepositoriesJson({
  refresher,
}: Pick<StatusServices, 'refresher'>): RequestHandler {
  return async (request, response) => {
    const query = readQuery(querySchema, request, response);
    if (!query) return;
    const store = refresher.store();
    const { generation } = refresher.status();
    const { prefix, after, limit } = query;
    const matches = (name: string): boolean => name.startsWith(prefix);
    const found = store
      ? await findRepositories(store, { matches, after, limit })
      : { total: 0, items: [], hasMore: false };
    const { total, items: repositories, hasMore } = found;
    const next = hasMore ? (repositories.at(-1)?.name ?? null) : null;
    sendJson(response, { version: 1, generation, total, repositories, next });
  };
}
