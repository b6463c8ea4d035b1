// All metrics in Prometheus' text format. Their values are read at each scrape, so what is gone vanishes.
// No label holds a path, a digest of an image or an address: clients must not be able to add series.
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { toLine } from '../../generator/terms/text.ts';
import { shareOf } from '../lost/lost-signatures.ts';
import type { ManifestLearner } from '../resolve/manifest-learner.ts';
import type { Resolutions } from '../resolve/resolutions.ts';
import type { PeerResult } from '../follow/peers/peer.ts';
import type { Events } from '../events/events.ts';
import type { LastRefresh, Refresher } from '../follow/refresher.ts';
import type { DeliveryForge, WebhookResult } from '../follow/webhook/webhook.ts';
import type { InForce } from '../reload/in-force.ts';
import type { BrokenReason } from '../listen/broken-requests.ts';
import { TROUBLE_KINDS, type Troubles } from '../troubles/troubles.ts';
import type { DurationCounts } from './duration-counts.ts';
import { KeyExpiries } from './key-expiries.ts';
import type { LookupCounts } from './lookup-counts.ts';
import type { ProgramFacts } from './program-facts.ts';
import { METRICS, type MetricDescription, type MetricName } from './metric-list.ts';

/** What the metrics are read from. */
export interface MetricValues {
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'rejectedCodes' | 'lost'>;
  readonly lookupCounts: Pick<LookupCounts, 'totals' | 'durations'>;
  /** The keys in force; undefined where nothing is verified. */
  readonly keyring: () => Pick<Keyring, 'keys' | 'lives'> | undefined;
  /** How many files of the keys in force cannot be used, by scope. */
  readonly keyFaults: () => ReadonlyMap<string, number>;
  /** Images that nodes wanted in the last week and that still have no signature. */
  readonly refusedImages: () => number;
  /** How often one was wanted that was not remembered. */
  readonly newlyRefused: () => number;
  readonly refreshes: Readonly<Record<LastRefresh['result'], number>>;
  readonly refreshDurations: Pick<DurationCounts, 'format'>;
  /** Of a refresh, in seconds since 1970; 0 before the first. */
  readonly lastSuccess: () => number;
  readonly deliveries: ReadonlyMap<DeliveryForge, Readonly<Record<WebhookResult, number>>>;
  readonly peerDeliveries: Readonly<Record<PeerResult, number>>;
  /** Answers about images since the start, by verdict. */
  readonly resolved: () => Resolutions['counts'];
  /** Questions for manifests since the start, by result; undefined where none are asked for. */
  readonly manifestQuestions: () => ManifestLearner['counts'] | undefined;
  /** How many peers there are; undefined where none are configured, or none were looked up yet. */
  readonly peers: () => number | undefined;
  readonly broken: Readonly<Record<BrokenReason, number>>;
  readonly troubles: Pick<Troubles, 'list'>;
  /** How files were read last, by their kind. */
  readonly readings: InForce['readings'];
  /** Milliseconds since 1970. */
  readonly reloadedAt: () => number;
  /** The end of the certificate that is served, in milliseconds since 1970; undefined without one. */
  readonly certificateUntil: () => number | undefined;
  /** Undefined where nobody is told of anything. */
  readonly events: Pick<Events, 'counts' | 'waiting' | 'audited'> | undefined;
  readonly backgroundFailures: () => number;
  readonly program: ProgramFacts;
}

/** The answer to a scrape. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** A value, and those of the metric's label or labels; undefined for a metric without one. */
type Sample = readonly [label: string | readonly string[] | undefined, value: number];

type HistogramName = 'lookaside_lookup_duration_seconds' | 'lookaside_refresh_duration_seconds';

/** The metrics of one server, and those of its process. */
export class MetricRegistry {
  readonly #values: MetricValues;
  readonly #keyExpiries: KeyExpiries;
  readonly #ofServer = new Registry();
  readonly #ofProcess: Registry;

  /** Watches the process from now on. */
  constructor(values: MetricValues) {
    const { keyring, refresher } = values;
    this.#values = values;
    this.#ofProcess = watchProcess(values.program);
    this.#keyExpiries = new KeyExpiries({
      keyring,
      store: refresher.store,
      hasExpired: () => refresher.rejectedCodes().has('key-expired'),
    });
    this.#addLookups();
    this.#addStore();
    this.#addUpdates();
    this.#addResolved();
    this.#addServer();
    this.#addFiles();
    this.#addEvents();
    this.#addKeys();
  }

  /** All metrics as they are now. */
  async read(): Promise<Exposition> {
    const { lookupCounts, refreshDurations } = this.#values;
    const texts = [
      await this.#ofServer.metrics(),
      formatHistogram('lookaside_lookup_duration_seconds', lookupCounts.durations),
      formatHistogram('lookaside_refresh_duration_seconds', refreshDurations),
      await this.#ofProcess.metrics(),
    ];
    return { contentType: this.#ofServer.contentType, text: texts.join('\n') };
  }

  #addLookups(): void {
    const { lookupCounts, broken, refusedImages, newlyRefused } = this.#values;
    this.#counter('lookaside_lookups_total', () => Object.entries(lookupCounts.totals()));
    this.#counter('lookaside_broken_requests_total', () => Object.entries(broken));
    this.#gauge('lookaside_refused_images', () => unlabelled(refusedImages()));
    this.#counter('lookaside_newly_refused_images_total', () => unlabelled(newlyRefused()));
  }

  #addStore(): void {
    const { store, rejectedCodes, status, lost } = this.#values.refresher;
    const countLost = (): number => lost().loss?.signatures ?? 0;
    this.#gauge('lookaside_signatures', () => unlabelled(store()?.signatures ?? 0));
    this.#gauge('lookaside_repositories', () => unlabelled(store()?.repositories ?? 0));
    this.#gauge('lookaside_lost_signatures', () => unlabelled(countLost()));
    this.#gauge('lookaside_lost_signatures_ratio', () =>
      unlabelled(shareOf(countLost(), store()?.signatures ?? 0)),
    );
    this.#counter('lookaside_lost_signatures_total', () => unlabelled(lost().total));
    this.#gauge('lookaside_rejected_files', rejectedCodes);
    this.#gauge('lookaside_source_info', () => {
      const commit = status().generation?.commit;
      return commit ? [[commit, 1]] : [];
    });
  }

  #addUpdates(): void {
    const { refreshes, lastSuccess, deliveries, peerDeliveries, peers } = this.#values;
    this.#counter('lookaside_refresh_total', () => Object.entries(refreshes));
    this.#gauge('lookaside_last_refresh_success_timestamp_seconds', () =>
      unlabelled(lastSuccess()),
    );
    this.#counter('lookaside_webhook_deliveries_total', () =>
      [...deliveries].flatMap(([forge, counts]) =>
        Object.entries(counts).map(([result, count]): Sample => [[forge, result], count]),
      ),
    );
    this.#counter('lookaside_peer_deliveries_total', () => Object.entries(peerDeliveries));
    this.#gauge('lookaside_peers', () => {
      const count = peers();
      return count === undefined ? [] : unlabelled(count);
    });
  }

  #addResolved(): void {
    const { resolved, manifestQuestions } = this.#values;
    this.#counter('lookaside_resolved_images_total', () => Object.entries(resolved()));
    this.#counter('lookaside_manifest_questions_total', () =>
      Object.entries(manifestQuestions() ?? {}),
    );
  }

  #addServer(): void {
    const { troubles, backgroundFailures, program } = this.#values;
    this.#gauge('lookaside_trouble', () => {
      const lasting = new Set(troubles.list().map(({ kind }) => kind));
      return TROUBLE_KINDS.map((kind) => [kind, lasting.has(kind) ? 1 : 0]);
    });
    this.#counter('lookaside_background_failures_total', () => unlabelled(backgroundFailures()));
    const { version, nodeVersion } = program;
    this.#gauge('lookaside_build_info', () => [[[version, nodeVersion], 1]]);
  }

  #addFiles(): void {
    const { readings, reloadedAt, certificateUntil } = this.#values;
    this.#gauge('lookaside_last_reload_success_timestamp_seconds', () =>
      unlabelled(reloadedAt() / 1000),
    );
    this.#gauge('lookaside_config_last_reload_successful', () =>
      Array.from(readings(), ([files, { isGood }]): Sample => [files, isGood ? 1 : 0]),
    );
    this.#gauge('lookaside_config_last_reload_success_timestamp_seconds', () =>
      Array.from(readings(), ([files, { goodAt }]): Sample => [files, goodAt / 1000]),
    );
    this.#gauge('lookaside_tls_certificate_expiry_timestamp_seconds', () => {
      const until = certificateUntil();
      return until === undefined ? [] : unlabelled(until / 1000);
    });
  }

  #addEvents(): void {
    const { events } = this.#values;
    this.#counter('lookaside_events_total', () => events?.counts.list() ?? []);
    this.#gauge('lookaside_events_waiting', () => unlabelled(events?.waiting ?? 0));
    this.#counter('lookaside_audited_publications_total', () =>
      Object.entries(events?.audited ?? {}),
    );
  }

  #addKeys(): void {
    const { refresher, keyring, keyFaults } = this.#values;
    this.#gauge('lookaside_key_expiry_timestamp_seconds', () =>
      Array.from(this.#keyExpiries.read(), ([fingerprint, end]): Sample => [
        fingerprint,
        end / 1000,
      ]),
    );
    this.#gauge('lookaside_unusable_key_files', () =>
      Array.from(keyFaults(), ([scope, count]): Sample => [scope || 'default', count]),
    );
    this.#gauge('lookaside_key_images', () => {
      const signers = refresher.store()?.signers;
      return (keyring()?.keys ?? []).map(({ fingerprint }) => [
        fingerprint,
        signers?.get(fingerprint)?.soleImages ?? 0,
      ]);
    });
  }

  #gauge(name: MetricName, read: () => Iterable<Sample>): void {
    const { description, toLabels } = describe(name);
    const gauge = new Gauge({
      ...description,
      collect() {
        this.reset();
        for (const [label, value] of read()) this.set(toLabels(label), value);
      },
    });
    this.#ofServer.registerMetric(gauge);
  }

  /** Its values are counted elsewhere, and never fall. */
  #counter(name: MetricName, read: () => Iterable<Sample>): void {
    const { description, toLabels } = describe(name);
    const counter = new Counter({
      ...description,
      collect() {
        this.reset();
        for (const [label, value] of read()) this.inc(toLabels(label), value);
      },
    });
    this.#ofServer.registerMetric(counter);
  }
}

function unlabelled(value: number): readonly Sample[] {
  return [[undefined, value]];
}

/** What prom-client wants to know of a metric, and what gives its labels. */
function describe(name: MetricName) {
  const { help, label = [] }: MetricDescription = METRICS[name];
  const labelNames = [label].flat();
  // Left to itself prom-client adds every metric to a registry that all servers would share.
  const registers: Registry[] = [];
  const toLabels = (values: Sample[0] = []): Record<string, string> =>
    Object.fromEntries([values].flat().map((value, at) => [labelNames[at] ?? '', toLine(value)]));
  return { description: { name, help, labelNames, registers }, toLabels };
}

function formatHistogram(name: HistogramName, durations: Pick<DurationCounts, 'format'>): string {
  const { help, kind } = METRICS[name];
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${durations.format(name)}`;
}

/** Gauges that prom-client names like counters; other metrics have their sums. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

let processRegistry: Registry | undefined;

/**
 * Processor, memory, event loop and garbage collection. What watches them cannot be stopped, so it is
 * started once, however many servers the process runs.
 */
function watchProcess(program: Pick<ProgramFacts, 'cpuUsage'>): Registry {
  processRegistry ??= createProcessRegistry(program);
  return processRegistry;
}

function createProcessRegistry({ cpuUsage }: Pick<ProgramFacts, 'cpuUsage'>): Registry {
  const created = new Registry();
  collectDefaultMetrics({ register: created });
  for (const name of [...MISNAMED, ...Object.keys(PROCESSOR_TIMES)])
    created.removeSingleMetric(name);
  for (const [name, { help, read }] of Object.entries(PROCESSOR_TIMES)) {
    const counter = new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read(cpuUsage()) / MICROSECONDS);
      },
    });
    created.registerMetric(counter);
  }
  return created;
}

const MICROSECONDS = 1e6;

/** As prom-client has them, which begins to count when it is first asked. */
const PROCESSOR_TIMES: Readonly<Record<string, ProcessorTime>> = {
  process_cpu_user_seconds_total: {
    help: 'Processor time of the process in user mode, in seconds, since it began',
    read: ({ user }) => user,
  },
  process_cpu_system_seconds_total: {
    help: 'Processor time of the process in the system, in seconds, since it began',
    read: ({ system }) => system,
  },
  process_cpu_seconds_total: {
    help: 'Processor time of the process, in seconds, since it began',
    read: ({ user, system }) => user + system,
  },
};

interface ProcessorTime {
  readonly help: string;
  readonly read: (usage: ReturnType<ProgramFacts['cpuUsage']>) => number;
}
