// The parts of a server that last, apart from its listeners.
import { countKeyFaults } from '../generator/policy/key-faults.ts';
import type { SignatureStore } from '../generator/store/store.ts';
import type { ProgramLog } from '../generator/system/program-log.ts';
import { repositoryIn } from '../generator/terms/release-location.ts';
import { toPrintable } from '../generator/terms/text.ts';
import { judgeWithMemory } from './follow/judge-with-memory.ts';
import { Peers, type PeersOptions } from './follow/peers/peers.ts';
import { createEvents } from './events/create-events.ts';
import type { Events } from './events/events.ts';
import { MissingSignatures } from './events/missing-signatures.ts';
import { Refresher, type RefresherOptions } from './follow/refresher.ts';
import { yieldToLookups } from './lookups/yield-to-lookups.ts';
import type { InForce } from './reload/in-force.ts';
import type { ListenPlace } from './listen/bound-addresses.ts';
import { CertificateDates } from './listen/certificate-dates.ts';
import { SERVED_MAX_AGE } from './lookups/answer-headers.ts';
import { Readiness } from './health/readiness.ts';
import { LookupCounts } from './metrics/lookup-counts.ts';
import { Metrics } from './metrics/metrics.ts';
import type { IsKnown } from './refused/pull-memory.ts';
import { Reasons } from './refused/reasons.ts';
import { RefusedPulls } from './refused/refused-pulls.ts';
import { ManifestMemory } from '../generator/resolve/manifest-memory.ts';
import { ManifestLearner } from './resolve/manifest-learner.ts';
import { Resolutions } from './resolve/resolutions.ts';
import type { ServerOptions } from './server-options.ts';
import type { StatusServices } from './status/services.ts';

/** What an event waits for the reason that it tells. Git may take long. Milliseconds. */
const REASON_PATIENCE = 2000;

/** What follows the source, and what keeps account of lookups. */
export interface Parts extends StatusServices {
  readonly readiness: Readiness;
  readonly refresher: Refresher;
  /** Undefined where none are configured. */
  readonly peers: Peers | undefined;
  readonly refused: RefusedPulls;
  readonly reasons: Reasons;
  readonly metrics: Metrics;
  readonly lookups: LookupCounts;
  readonly resolutions: Resolutions;
  readonly certificate: CertificateDates;
  /** Undefined where no receiver is told of missing signatures. */
  readonly missing: MissingSignatures | undefined;
  /** Settles when refused pulls and manifests are written for the next run. */
  readonly stopKeeping: () => Promise<void>;
  /** Settles when others are told of what has happened, or after a few seconds. */
  readonly stopTelling: () => Promise<void>;
}

/**
 * Makes them; nothing is asked of the source before the refresher starts. `places` says where the store
 * listens, once it does.
 */
export async function createParts(
  options: ServerOptions,
  inForce: InForce,
  onFirstLoad: RefresherOptions['onFirstLoad'],
  places: () => readonly ListenPlace[],
): Promise<Parts> {
  const { source, troubles, failures, log, refusedFile, program, commitUrl } = options;
  const { policy, tls, readings, reloadedAt, notifySecrets: secrets } = inForce;
  const events = createEvents(options.events, { ...options, ...program, secrets, elapsed });
  const refresher = new Refresher({
    ...options,
    events,
    elapsed,
    cachedFor: Math.max(SERVED_MAX_AGE, options.cacheMissing),
    judge: judgeWithMemory(options, options.policy),
    onFirstLoad,
    onPublish: (store, { commit }) => {
      yieldToLookups(() => settleRefused(refused, store, commit, log));
      void resolving.resolutions.lookAhead();
    },
    onRefresh: (refresh) => metrics.addRefresh(refresh),
  });
  const isKnown = createIsKnown(refresher, policy);
  const refused = new RefusedPulls({
    isKnown,
    saved: await refusedFile?.read(),
  });
  const stopKeeping = refusedFile?.keep(refused);
  const readiness = new Readiness(() => refresher.store() !== undefined);
  const reasons = new Reasons({ source, refresher, failures, log });
  const resolving = createResolutions(options, inForce, { refresher, reasons });
  const missing = createMissing(events, isKnown, { refused, reasons });
  const certificate = new CertificateDates({ now: options.now, troubles, log });
  const lookups = new LookupCounts({ elapsed, now: () => Date.now() });
  const onResult: PeersOptions['onResult'] = (result) => metrics.addPeerDelivery(result);
  const peers = createPeers(options, { places, certificate: () => tls()?.cert, onResult });
  const measured = { refresher, refused, lookups, certificate, peers, events, ...resolving };
  const metrics = createMetrics(options, inForce, measured);
  return {
    ...measured,
    source,
    troubles,
    failures,
    log,
    policy,
    readings,
    reloadedAt,
    missing,
    readiness,
    reasons,
    metrics,
    program,
    commitUrl,
    now: options.now,
    stopKeeping: async () => {
      await Promise.all([stopKeeping?.(), resolving.learner?.stop()]);
    },
    stopTelling: async () => stopTelling(missing, events),
  };
}

async function stopTelling(
  missing: MissingSignatures | undefined,
  events: Events | undefined,
): Promise<void> {
  await missing?.close();
  await events?.close();
}

function createPeers(
  { peers, troubles, log }: ServerOptions,
  own: Pick<PeersOptions, 'places' | 'certificate' | 'onResult'>,
): Peers | undefined {
  return peers && new Peers({ ...peers, ...own, troubles, log });
}

interface Resolving {
  readonly resolutions: Resolutions;
  /** Undefined where nobody brings manifests. */
  readonly learner: ManifestLearner | undefined;
}

function createResolutions(
  { manifests, now, log }: ServerOptions,
  { policy }: InForce,
  { refresher, reasons }: Pick<Parts, 'refresher' | 'reasons'>,
): Resolving {
  const onIdle = (): void => void resolutions.lookAhead();
  const learner = manifests && new ManifestLearner({ ...manifests, log, now, elapsed, onIdle });
  const resolutions = new Resolutions({
    store: refresher.store,
    policy,
    memory: manifests?.memory ?? new ManifestMemory(),
    learner,
    lastChange: async (path) => reasons.lastChange(path, 'served'),
    now,
  });
  return { resolutions, learner };
}

type Measured = Pick<Parts, 'refresher' | 'refused' | 'certificate' | 'lookups' | 'peers'> &
  Resolving & {
    readonly events: Events | undefined;
  };

function createMetrics(
  { troubles, failures, program }: ServerOptions,
  { policy, readings, reloadedAt }: InForce,
  { refresher, refused, lookups, certificate, peers, events, resolutions, learner }: Measured,
): Metrics {
  return new Metrics({
    refresher,
    lookupCounts: lookups,
    keyring: () => policy().keyring,
    keyFaults: () => countKeyFaults(policy()),
    refusedImages: () => refused.count(),
    newlyRefused: () => refused.appeared(),
    troubles,
    readings,
    reloadedAt,
    certificateUntil: certificate.until,
    events,
    resolved: () => resolutions.counts,
    manifestQuestions: () => learner?.counts,
    backgroundFailures: () => failures.count,
    peers: () => peers?.count(),
    program,
  });
}

function createMissing(
  events: Events | undefined,
  isKnown: IsKnown,
  { refused, reasons }: Pick<Parts, 'refused' | 'reasons'>,
): MissingSignatures | undefined {
  if (events?.hasReceivers !== true) return undefined;
  return new MissingSignatures({
    find: (directory) => refused.find(directory),
    isKnown: (directory) => isKnown(repositoryIn(directory)),
    findReasons: async (directories) => reasons.of(directories, REASON_PATIENCE),
    send: events.tellMissing,
    onOmitted: events.noteOmitted,
    elapsed,
  });
}

/** Whether anything lies in a repository, or releases are served below a path of this name. */
function createIsKnown(refresher: Pick<Refresher, 'store'>, policy: InForce['policy']): IsKnown {
  return (repository) =>
    refresher.store()?.hasRepository(repository) === true ||
    policy().releases.some(({ prefix }) => prefix === repository);
}

/** A clock that never jumps, in milliseconds. */
function elapsed(): number {
  return performance.now();
}

/** Images that were refused and are signed in a new state are refused no longer. */
function settleRefused(
  refused: RefusedPulls,
  store: SignatureStore,
  commit: string | null,
  log: ProgramLog,
): void {
  const arrived = refused.settle((directory) => store.find(directory, 1) !== undefined, commit);
  for (const { directory, firstSeen, arrivedAt } of arrived) {
    const waitedMs = arrivedAt - firstSeen;
    log.info({ directory: toPrintable(directory), waitedMs }, 'a refused image is signed now');
  }
}
