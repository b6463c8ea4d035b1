// Puts the server together: its parts, lookups, the two apps, the two listeners.
import type { RequestListener } from 'node:http';
import type { SignatureStore } from '../generator/store/store.ts';
import { messageOf } from '../generator/terms/errors.ts';
import { formatLocation } from '../generator/terms/location.ts';
import { createCountedLookups } from './counted-lookups.ts';
import { DeferredApp } from './deferred-app.ts';
import type { Generation } from './follow/generations.ts';
import { HangingRefresh } from './follow/hanging-refresh.ts';
import type { Refresher } from './follow/refresher.ts';
import { judgeWithMemory } from './follow/judge-with-memory.ts';
import type { ReloadTarget } from './reload/reload.ts';
import { Polling } from './follow/polling.ts';
import { drain } from './health/drain.ts';
import { Probes } from './health/probes.ts';
import type { Listener } from './listen/listener.ts';
import { openListeners } from './listen/listeners.ts';
import { findSignature } from './lookups/find-signature.ts';
import type { Lookup } from './lookups/lookup.ts';
import { InForce } from './reload/in-force.ts';
import { type Parts, createParts } from './parts.ts';
import type { ServerOptions } from './server-options.ts';
import { isUnexpected } from './troubles/failures.ts';

export interface RunningServer extends ReloadTarget {
  /** Empty while connections wait in inherited sockets. */
  readonly url: string;
  readonly statusUrl: string;
  /** Settles when it takes connections; rejects with a ListenError if it cannot. */
  readonly taken: Promise<void>;
  /** What is served; undefined before the first generation. */
  readonly served: () => ServedState | undefined;
  /** Whether it takes connections, and finds what it serves. */
  readonly isAlive: () => boolean;
  /** Whether the next start knows what is served now, or noting it was tried in vain. */
  readonly isNoted: () => boolean;
  /** Goes on for so many milliseconds, while balancers turn away from it. */
  readonly drain: (duration: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** What is in force. */
export interface ServedState {
  readonly store: SignatureStore;
  readonly commit: string | null;
}

/**
 * Listens, then loads the source; until that is done locations are answered with 503. Rejects with the
 * system's error where it cannot listen.
 * @throws TrustedProxiesError
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const inForce = new InForce(options, options.now);
  const onFirstLoad = (store: SignatureStore, generation: Generation): void => {
    opening.begin();
    void opening.done.then(() => tellServing(options, main, store, generation), ignore);
    // What lookups do not need does not hold up the first of them.
    void apps.load();
  };
  const parts = await createParts(options, inForce, onFirstLoad, () => main.places);
  const lookups = createCountedLookups(options, parts);
  const apps = createApps(options, inForce, parts, lookups.lookup);
  const probes = new Probes(parts.readiness, 'webhook');
  const { main, status, opening } = await openListeners({
    ...options,
    ...lookups,
    ...apps,
    probes,
  });
  const { refresher, certificate, peers } = parts;
  if (options.tls) certificate.take(options.tls.cert);
  certificate.start();
  refresher.start();
  void opening.done.then(async () => (main.isListening ? peers?.look() : undefined), ignore);
  const stopFollowing = follow(options, parts);
  return {
    get url() {
      return main.url;
    },
    statusUrl: status.url,
    taken: opening.done,
    served: () => readServed(refresher),
    isAlive: () => main.isListening && findsOne(refresher.store()),
    reload: (next) => {
      // First, as it throws for what is no certificate; then nothing has changed.
      if (next.tls) main.replaceTls(next.tls);
      if (next.tls) certificate.take(next.tls.cert);
      const before = inForce.policy();
      inForce.replace(next);
      if (next.policy === undefined || next.policy.id === before.id) return;
      refresher.replaceJudge(judgeWithMemory(options, next.policy));
      refresher.request('files');
    },
    noteUnusable: inForce.noteUnusable,
    judgeAnew: () => {
      refresher.judgeAnew();
      refresher.request('signal');
    },
    isNoted: refresher.isNoted,
    drain: async (duration) => drain({ ...parts, listener: main }, duration),
    stop: async () => {
      certificate.stop();
      opening.cancel();
      await opening.done.catch(ignore);
      await Promise.all([main.stop(), status.stop(), stopFollowing()]);
      await Promise.all([lookups.flush(), parts.stopKeeping(), peers?.stop()]);
    },
  };
}

/** Says what is served, unless a stop has begun meanwhile. */
function tellServing(
  { onServing }: ServerOptions,
  { isListening, url }: Pick<Listener, 'isListening' | 'url'>,
  store: SignatureStore,
  generation: Generation,
): void {
  if (isListening) onServing(url, store, generation);
}

function readServed({
  store: readStore,
  status,
}: Pick<Refresher, 'store' | 'status'>): ServedState | undefined {
  const store = readStore();
  return store && { store, commit: status().generation?.commit ?? null };
}

/** Whether a lookup finds what is served, where anything is. */
function findsOne(store: SignatureStore | undefined): boolean {
  if (!store) return false;
  for (const { directory, number } of store.served()) {
    return typeof findSignature(store, formatLocation(directory, number)) === 'object';
  }
  return true;
}

function ignore(): void {}

interface Apps {
  readonly handleOther: RequestListener;
  readonly handleStatus: RequestListener;
  /** Loads both apps, and what formats metrics. What fails is logged, and tried again when it is needed. */
  readonly load: () => Promise<void>;
}

/** Lookups need neither app, and Express takes as long to load as a store of thousands. */
function createApps(
  { url, trustedProxies, webhookForges, now, source, failures, log }: ServerOptions,
  { webhookSecrets }: InForce,
  parts: Parts,
  lookup: Lookup,
): Apps {
  const { metrics, peers } = parts;
  const onError = (error: unknown): void => {
    if (isUnexpected(error)) failures.note('a part of the server', error);
    else log.error({ error: messageOf(error) }, 'a part of the server failed to load');
  };
  const main = new DeferredApp(async () => {
    const { createApp } = await import('./app.ts');
    return createApp({
      ...parts,
      lookup,
      webhookSecrets,
      webhookForges,
      now,
      branch: source.branch,
      onDelivery: metrics.addDelivery,
      onVerified: (delivery) => peers?.relay(delivery),
      url,
      trustedProxies,
    });
  }, onError);
  const status = new DeferredApp(async () => {
    const { createStatusApp } = await import('./status-app.ts');
    return createStatusApp(parts);
  }, onError);
  return {
    handleOther: main.handle,
    handleStatus: status.handle,
    load: async () => {
      await Promise.all([main.load(), status.load(), metrics.load().catch(onError)]);
    },
  };
}

/**
 * Asks for a refresh when the source says that it has changed, and at each poll. Gives the way to stop,
 * which stops the refresher too, and what tells of its work.
 */
function follow(
  options: ServerOptions,
  { refresher, missing, stopTelling }: Parts,
): () => Promise<void> {
  const { source, troubles, log, poll, hangingAfter } = options;
  const hanging = new HangingRefresh({
    status: refresher.status,
    troubles,
    elapsed: () => performance.now(),
    ...(hangingAfter !== undefined && { limit: hangingAfter }),
  });
  hanging.start();
  missing?.start();
  const stopWatching = source.watch(
    () => refresher.request('change'),
    (error) =>
      log.warn(
        { error: error.message },
        'the source cannot be watched for changes; polling goes on',
      ),
  );
  const { random = Math.random } = options;
  const polling = new Polling({ every: poll, random, onPoll: () => refresher.request('poll') });
  return async () => {
    polling.stop();
    hanging.stop();
    await Promise.all([stopWatching(), refresher.stop()]);
    await stopTelling();
  };
}
