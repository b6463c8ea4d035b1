// All metrics in Prometheus' text format. No label holds a path, a digest of an image or an
// address: whoever asks for signatures must not decide how many series there are.
import { Registry } from 'prom-client';
import type { Keyring } from '../../generator/openpgp/openpgp-js.ts';
import type { LastRefresh, Refresher } from '../follow/refresher.ts';
import type { WebhookResult } from '../follow/webhook/webhook.ts';
import { TROUBLE_KINDS, type Troubles } from '../troubles/troubles.ts';
import type { DurationCounts } from './duration-counts.ts';
import { createKeyExpiries } from './key-expiries.ts';
import type { LookupCounts } from './lookup-counts.ts';
import { METRICS } from './metric-list.ts';
import { watchProcess } from './process-metrics.ts';
import { type Sample, addCounter, addGauge } from './sampled-metrics.ts';

/** What the metrics are read from. */
export interface MetricValues {
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'rejectedCodes'>;
  readonly lookupCounts: Pick<LookupCounts, 'totals' | 'formatDurations'>;
  /** The keys in force; undefined where nothing is verified. */
  readonly keyring: () => Pick<Keyring, 'keys' | 'lives'> | undefined;
  /** Images that nodes wanted in the last week and that still have no signature. */
  readonly refusedImages: () => number;
  /** How often one was wanted that was not remembered. */
  readonly newlyRefused: () => number;
  readonly refreshes: Readonly<Record<LastRefresh['result'], number>>;
  readonly refreshDurations: DurationCounts;
  /** Of a refresh, in seconds since 1970; 0 before the first. */
  readonly lastSuccess: () => number;
  readonly deliveries: Readonly<Record<WebhookResult, number>>;
  readonly troubles: Pick<Troubles, 'list'>;
  /** Milliseconds since 1970. */
  readonly reloadedAt: () => number;
  readonly backgroundFailures: () => number;
}

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** Gives the function that reads all metrics as they are now. */
export function createExposition(values: MetricValues): () => Promise<Exposition> {
  const { refresher, lookupCounts, keyring, refusedImages, newlyRefused } = values;
  const { refreshes, refreshDurations, lastSuccess, deliveries } = values;
  const { troubles, reloadedAt, backgroundFailures } = values;
  const registry = new Registry();
  const keyExpiries = createKeyExpiries({
    keyring,
    store: refresher.store,
    hasExpired: () => refresher.rejectedCodes().has('key-expired'),
  });
  addCounter(registry, 'lookaside_lookups_total', () => Object.entries(lookupCounts.totals()));
  addGauge(registry, 'lookaside_signatures', () => [
    [undefined, refresher.store()?.signatures ?? 0],
  ]);
  addGauge(registry, 'lookaside_repositories', () => [
    [undefined, refresher.store()?.repositories ?? 0],
  ]);
  addGauge(registry, 'lookaside_rejected_files', () => refresher.rejectedCodes());
  addGauge(registry, 'lookaside_refused_images', () => [[undefined, refusedImages()]]);
  addCounter(registry, 'lookaside_newly_refused_images_total', () => [[undefined, newlyRefused()]]);
  addCounter(registry, 'lookaside_refresh_total', () => Object.entries(refreshes));
  addGauge(registry, 'lookaside_last_refresh_success_timestamp_seconds', () => [
    [undefined, lastSuccess()],
  ]);
  addGauge(registry, 'lookaside_trouble', () => {
    const lasting = new Set(troubles.list().map(({ kind }) => kind));
    return TROUBLE_KINDS.map((kind) => [kind, lasting.has(kind) ? 1 : 0]);
  });
  addGauge(registry, 'lookaside_last_reload_success_timestamp_seconds', () => [
    [undefined, reloadedAt() / 1000],
  ]);
  addCounter(registry, 'lookaside_background_failures_total', () => [
    [undefined, backgroundFailures()],
  ]);
  addCounter(registry, 'lookaside_webhook_deliveries_total', () => Object.entries(deliveries));
  addGauge(registry, 'lookaside_key_expiry_timestamp_seconds', () =>
    Array.from(keyExpiries(), ([fingerprint, end]): Sample => [fingerprint, end / 1000]),
  );
  addGauge(registry, 'lookaside_key_images', () => {
    const signers = refresher.store()?.signers;
    const keys = keyring()?.keys ?? [];
    return keys.map(({ fingerprint }) => [fingerprint, signers?.get(fingerprint)?.soleImages ?? 0]);
  });
  addGauge(registry, 'lookaside_source_info', () => {
    const commit = refresher.status().generation?.commit;
    return commit ? [[commit, 1]] : [];
  });
  const formatProcess = watchProcess();
  return async () => {
    const texts = [
      await registry.metrics(),
      formatHistogram('lookaside_lookup_duration_seconds', lookupCounts.formatDurations),
      formatHistogram('lookaside_refresh_duration_seconds', refreshDurations.format),
      await formatProcess(),
    ];
    return { contentType: registry.contentType, text: texts.join('\n') };
  };
}

function formatHistogram(
  name: 'lookaside_lookup_duration_seconds' | 'lookaside_refresh_duration_seconds',
  formatSamples: DurationCounts['format'],
): string {
  const { help, kind } = METRICS[name];
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${formatSamples(name)}`;
}
