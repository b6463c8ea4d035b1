// What is measured, for Prometheus. What formats it is loaded after the start, so that the server starts
// sooner, and before the first scrape, as loading it would keep lookups waiting.
import type { PeerResult } from '../follow/peers/peer.ts';
import type { LastRefresh } from '../follow/refresher.ts';
import { WEBHOOK_FORGES } from '../follow/webhook/proofs/webhook-forges.ts';
import type { DeliveryForge, WebhookResult } from '../follow/webhook/webhook.ts';
import type { BrokenReason } from '../listen/broken-requests.ts';
import { DurationCounts } from './duration-counts.ts';
import type { Exposition, MetricRegistry, MetricValues } from './metric-registry.ts';

type RegistryModule = Pick<typeof import('./metric-registry.ts'), 'MetricRegistry'>;

export type MetricsOptions = Pick<
  MetricValues,
  | 'refresher'
  | 'lookupCounts'
  | 'keyring'
  | 'keyFaults'
  | 'refusedImages'
  | 'newlyRefused'
  | 'troubles'
  | 'readings'
  | 'reloadedAt'
  | 'certificateUntil'
  | 'events'
  | 'resolved'
  | 'manifestQuestions'
  | 'backgroundFailures'
  | 'program'
  | 'peers'
>;

/** Seconds: from a directory that has not changed to the first load of a large repository. */
const REFRESH_BOUNDS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const NO_DELIVERIES: Readonly<Record<WebhookResult, number>> = {
  accepted: 0,
  ignored: 0,
  ping: 0,
  unauthorized: 0,
  'too-large': 0,
  'too-slow': 0,
  busy: 0,
  invalid: 0,
};

const importRegistry = async (): Promise<RegistryModule> => import('./metric-registry.ts');

/** The metrics of one server. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #importRegistry: () => Promise<RegistryModule>;
  readonly #refreshes = { changed: 0, unchanged: 0, refused: 0, failed: 0 };
  readonly #refreshDurations = new DurationCounts(REFRESH_BOUNDS);
  readonly #deliveries = new Map<DeliveryForge, Record<WebhookResult, number>>(
    [...WEBHOOK_FORGES, 'unknown' as const].map((forge) => [forge, { ...NO_DELIVERIES }]),
  );
  readonly #peerDeliveries: Record<PeerResult, number> = {
    delivered: 0,
    failed: 0,
    refused: 0,
    replaced: 0,
    skipped: 0,
    unresolved: 0,
  };
  readonly #broken: Record<BrokenReason, number> = {
    malformed: 0,
    'too-large': 0,
    'too-slow': 0,
    'proxy-header': 0,
    tls: 0,
    'not-tls': 0,
    http2: 0,
  };
  #lastSuccess = 0;
  #registry: MetricRegistry | undefined;

  /** `load` imports the module that formats them. */
  constructor(options: MetricsOptions, load = importRegistry) {
    this.#options = options;
    this.#importRegistry = load;
  }

  /** Loads what formats them; throws what that throws, and `read` tries again. */
  async load(): Promise<void> {
    await this.#importRegistry();
  }

  /** All of them as they are now. */
  async read(): Promise<Exposition> {
    const { MetricRegistry: Registry } = await this.#importRegistry();
    // It watches the process from now on: not where nobody asks.
    this.#registry ??= new Registry({
      ...this.#options,
      refreshes: this.#refreshes,
      refreshDurations: this.#refreshDurations,
      lastSuccess: () => this.#lastSuccess,
      deliveries: this.#deliveries,
      peerDeliveries: this.#peerDeliveries,
      broken: this.#broken,
    });
    return this.#registry.read();
  }

  addRefresh({ at, result, durationMs }: LastRefresh): void {
    this.#refreshes[result]++;
    this.#refreshDurations.add(durationMs / 1000);
    if (result === 'changed' || result === 'unchanged') this.#lastSuccess = Date.parse(at) / 1000;
  }

  addBroken(reason: BrokenReason): void {
    this.#broken[reason]++;
  }

  readonly addDelivery = (result: WebhookResult, forge: DeliveryForge): void => {
    const counts = this.#deliveries.get(forge);
    if (counts) counts[result]++;
  };

  addPeerDelivery(result: PeerResult): void {
    this.#peerDeliveries[result]++;
  }
}
