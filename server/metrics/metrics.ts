// What is measured, for Prometheus. What formats it is loaded late, so that the server starts sooner,
// and ahead of the first scrape, which would keep lookups waiting for it.
import type { LastRefresh } from '../follow/refresher.ts';
import type { WebhookResult } from '../follow/webhook/webhook.ts';
import { createDurationCounts } from './duration-counts.ts';
import type { Exposition, MetricValues } from './exposition.ts';

type Formatter = Pick<typeof import('./exposition.ts'), 'createExposition'>;

export type MetricsOptions = Pick<
  MetricValues,
  | 'refresher'
  | 'lookupCounts'
  | 'keyring'
  | 'refusedImages'
  | 'newlyRefused'
  | 'troubles'
  | 'reloadedAt'
  | 'backgroundFailures'
>;

export interface Metrics {
  /** Loads what formats them; throws what that throws, and is then tried again by `read`. */
  readonly load: () => Promise<void>;
  /** All of them as they are now. */
  readonly read: () => Promise<Exposition>;
  readonly addRefresh: (refresh: LastRefresh) => void;
  readonly addDelivery: (result: WebhookResult) => void;
}

/** Seconds: from a directory that has not changed to the first load of a large repository. */
const REFRESH_BOUNDS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const importExposition = async (): Promise<Formatter> => import('./exposition.ts');

/** Makes the metrics of one server. */
export function createMetrics(
  options: MetricsOptions,
  importFormatter = importExposition,
): Metrics {
  const refreshes = { changed: 0, unchanged: 0, refused: 0, failed: 0 };
  const refreshDurations = createDurationCounts(REFRESH_BOUNDS);
  const deliveries = {
    accepted: 0,
    ignored: 0,
    ping: 0,
    unauthorized: 0,
    'too-large': 0,
    'too-slow': 0,
    busy: 0,
    invalid: 0,
  };
  let lastSuccess = 0;
  let readAll: (() => Promise<Exposition>) | undefined;

  return {
    load: async () => {
      await importFormatter();
    },
    read: async () => {
      const { createExposition } = await importFormatter();
      // Watches the process from now on: not where nobody asks.
      readAll ??= createExposition({
        ...options,
        refreshes,
        refreshDurations,
        lastSuccess: () => lastSuccess,
        deliveries,
      });
      return readAll();
    },
    addRefresh: ({ at, result, durationMs }) => {
      refreshes[result]++;
      refreshDurations.add(durationMs / 1000);
      if (result === 'changed' || result === 'unchanged') lastSuccess = Date.parse(at) / 1000;
    },
    addDelivery: (result) => {
      deliveries[result]++;
    },
  };
}
