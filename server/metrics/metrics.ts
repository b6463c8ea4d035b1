// What is measured, for Prometheus. No label holds a path, a digest or an address: whoever asks
// for signatures must not decide how many series there are.
import { Histogram, Registry } from 'prom-client';
import type { KeyInfo } from '../../generator/openpgp/openpgp-js.ts';
import type { RejectedFile } from '../../generator/report.ts';
import type { LastRefresh, Refresher } from '../refresher.ts';
import type { WebhookResult } from '../webhook.ts';
import type { LookupCounts } from './lookup-counts.ts';
import { METRICS, describeMetric } from './metric-list.ts';
import { watchProcess } from './process-metrics.ts';
import { type Sample, addCounter, addGauge } from './sampled-metrics.ts';

export interface MetricsOptions {
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'rejected'>;
  readonly lookupCounts: Pick<LookupCounts, 'totals' | 'formatDurations'>;
  readonly keys: () => readonly KeyInfo[];
  /** Images that nodes wanted and that still have no signature. */
  readonly refusedImages: () => number;
}

export interface Metrics {
  readonly contentType: string;
  /** All of them as they are now, in Prometheus' text format. */
  readonly format: () => Promise<string>;
  readonly addRefresh: (refresh: LastRefresh) => void;
  readonly addDelivery: (result: WebhookResult) => void;
}

/** Seconds: from a directory that has not changed to the first load of a large repository. */
const REFRESH_BUCKETS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Makes the metrics of one server. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { refresher, lookupCounts, keys, refusedImages } = options;
  const registry = new Registry();
  const refreshes = { changed: 0, unchanged: 0, refused: 0, failed: 0 };
  const deliveries = {
    accepted: 0,
    ignored: 0,
    ping: 0,
    unauthorized: 0,
    'too-large': 0,
    invalid: 0,
  };
  let lastSuccess = 0;

  addCounter(registry, 'lookaside_lookups_total', () => Object.entries(lookupCounts.totals()));
  addGauge(registry, 'lookaside_signatures', () => [
    [undefined, refresher.store()?.signatures ?? 0],
  ]);
  addGauge(registry, 'lookaside_repositories', () => [
    [undefined, refresher.store()?.repositories ?? 0],
  ]);
  addGauge(registry, 'lookaside_rejected_files', () => countCodes(refresher.rejected()));
  addGauge(registry, 'lookaside_refused_images', () => [[undefined, refusedImages()]]);
  addCounter(registry, 'lookaside_refresh_total', () => Object.entries(refreshes));
  const durations = new Histogram({
    ...describeMetric('lookaside_refresh_duration_seconds'),
    buckets: REFRESH_BUCKETS,
  });
  registry.registerMetric(durations);
  addGauge(registry, 'lookaside_last_refresh_success_timestamp_seconds', () => [
    [undefined, lastSuccess],
  ]);
  addCounter(registry, 'lookaside_webhook_deliveries_total', () => Object.entries(deliveries));
  addGauge(registry, 'lookaside_key_expiry_timestamp_seconds', () => readExpiries(keys()));
  addGauge(registry, 'lookaside_source_info', () => {
    const commit = refresher.status().generation?.commit;
    return commit ? [[commit, 1]] : [];
  });
  const formatProcess = watchProcess();

  return {
    contentType: registry.contentType,
    format: async () => {
      const texts = [await registry.metrics(), formatLookupDurations(lookupCounts)];
      return [...texts, await formatProcess()].join('\n');
    },
    addRefresh: ({ at, result, durationMs }) => {
      refreshes[result]++;
      durations.observe(durationMs / 1000);
      if (result === 'changed' || result === 'unchanged') lastSuccess = toSeconds(at);
    },
    addDelivery: (result) => {
      deliveries[result]++;
    },
  };
}

function formatLookupDurations({ formatDurations }: Pick<LookupCounts, 'formatDurations'>): string {
  const name = 'lookaside_lookup_duration_seconds';
  const { help, kind } = METRICS[name];
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${formatDurations(name)}`;
}

function countCodes(files: Iterable<RejectedFile>): Iterable<Sample> {
  const counts = new Map<string, number>();
  for (const { code } of files) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}

function readExpiries(keys: readonly KeyInfo[]): readonly Sample[] {
  return keys.flatMap(({ fingerprint, expires }) =>
    expires === null ? [] : [[fingerprint, toSeconds(expires)]],
  );
}

/** Of an ISO time, seconds since 1970. */
function toSeconds(time: string): number {
  return Date.parse(time) / 1000;
}
