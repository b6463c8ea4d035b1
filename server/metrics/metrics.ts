// What is measured, for Prometheus. What formats it is loaded for the first scrape: a server that
// nobody scrapes starts sooner and is smaller by megabytes.
import type { LastRefresh } from '../refresher.ts';
import type { WebhookResult } from '../webhook.ts';
import { createDurationCounts } from './duration-counts.ts';
import type { Exposition, MetricValues } from './exposition.ts';

export type MetricsOptions = Pick<
  MetricValues,
  'refresher' | 'lookupCounts' | 'keyring' | 'refusedImages'
>;

export interface Metrics {
  /** All of them as they are now. */
  readonly read: () => Promise<Exposition>;
  readonly addRefresh: (refresh: LastRefresh) => void;
  readonly addDelivery: (result: WebhookResult) => void;
}

/** Seconds: from a directory that has not changed to the first load of a large repository. */
const REFRESH_BOUNDS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Makes the metrics of one server. */
export function createMetrics(options: MetricsOptions): Metrics {
  const refreshes = { changed: 0, unchanged: 0, refused: 0, failed: 0 };
  const refreshDurations = createDurationCounts(REFRESH_BOUNDS);
  const deliveries = {
    accepted: 0,
    ignored: 0,
    ping: 0,
    unauthorized: 0,
    'too-large': 0,
    invalid: 0,
  };
  let lastSuccess = 0;
  let exposition: Promise<() => Promise<Exposition>> | undefined;

  const loadExposition = async (): Promise<() => Promise<Exposition>> => {
    const { createExposition } = await import('./exposition.ts');
    return createExposition({
      ...options,
      refreshes,
      refreshDurations,
      lastSuccess: () => lastSuccess,
      deliveries,
    });
  };

  return {
    read: async () => {
      exposition ??= loadExposition();
      const readAll = await exposition;
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
