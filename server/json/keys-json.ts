// `/keys.json?at=DATE&without=FINGERPRINT&limit=N`: what each key covers, and what nodes would refuse at
// another time or without some keys, by what is served at this moment.
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { sortLost, toForecastObject, toKeysObject } from '../../generator/forecast/keys-object.ts';
import { TooBusyError } from '../search/lane.ts';
import { MOST_LOST, type Searches } from '../search/searches.ts';
import { readForecastQuery } from '../status/forecast-query.ts';
import type { StatusServices } from '../status/services.ts';
import { countUpTo, readQuery } from './query.ts';
import { sendJson } from './send-json.ts';

const SHOWN = 100;
const text = z.string('expected one value').default('');
const querySchema = z.strictObject({
  at: text,
  without: text,
  limit: countUpTo(MOST_LOST).default(SHOWN),
});

export function createKeysJson(
  { refresher, policy }: Pick<StatusServices, 'refresher' | 'policy'>,
  searches: Searches,
): RequestHandler {
  return async (request, response) => {
    const query = readQuery(querySchema, request, response);
    if (!query) return;
    const now = new Date();
    const current = policy();
    const supposition = readForecastQuery(query, current, now);
    if (typeof supposition === 'string') {
      sendJson(response.status(400), { message: supposition });
      return;
    }
    const { generation } = refresher.status();
    if (!refresher.store() || !generation) {
      sendJson(response.status(503), { message: 'no generation is loaded yet' });
      return;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const question = { policy: current, now, supposition };
      const { keys, forecast } = await searches.foreseen(question, gone.signal);
      const lost = sortLost(forecast.lost).slice(0, query.limit);
      sendJson(response, {
        version: 1,
        generation,
        ...toKeysObject(keys, forecast),
        ...(supposition && { forecast: toForecastObject(supposition, forecast, lost) }),
      });
    } catch (error) {
      if (response.destroyed) return;
      if (!(error instanceof TooBusyError)) throw error;
      sendJson(response.status(503).set('Retry-After', '2'), { message: error.message });
    }
  };
}
