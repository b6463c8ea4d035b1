// Puts the server together: source, refresher, lookups, the two apps, the two listeners.
import type { RequestListener } from 'node:http';
import type { StoreUrl } from '../generator/nodes/store-url.ts';
import type { Policy } from '../generator/policy/policy.ts';
import type { Source } from '../generator/sources/source.ts';
import type { SignatureStore } from '../generator/store/store.ts';
import type { ProgramLog } from '../generator/system/program-log.ts';
import { messageOf } from '../generator/terms/errors.ts';
import { toPrintable } from '../generator/terms/text.ts';
import { DeferredApp } from './deferred-app.ts';
import type { Generation } from './follow/generations.ts';
import { HangingRefresh } from './follow/hanging-refresh.ts';
import { type JudgeMemory, judgeWithMemory } from './follow/judge-with-memory.ts';
import { Refresher, type RefresherOptions } from './follow/refresher.ts';
import { yieldToLookups } from './follow/yield-to-lookups.ts';
import { createClientAddress } from './listen/client-address.ts';
import { fitConnections, readOpenFileLimit } from './listen/connection-limit.ts';
import {
  type Listener,
  type ListenerOptions,
  MAX_CONNECTIONS,
  type TlsFiles,
  listen,
} from './listen/listener.ts';
import { createQuickLookup } from './listen/quick-lookup.ts';
import {
  type AccessLogForm,
  type LineSink,
  type LoggedRequest,
  createAccessLog,
} from './lookups/access-log.ts';
import { type Answer, type Lookup, createLookup } from './lookups/lookup.ts';
import { toOriginForm } from './lookups/request-path.ts';
import { type LookupCounts, createLookupCounts } from './metrics/lookup-counts.ts';
import { type Metrics, createMetrics } from './metrics/metrics.ts';
import { Reasons } from './refused/reasons.ts';
import type { RefusedFile } from './refused/refused-file.ts';
import { RefusedPulls } from './refused/refused-pulls.ts';
import type { StatusServices } from './status/services.ts';
import { type Failures, inTheWay, isUnexpected } from './troubles/failures.ts';
import type { Troubles } from './troubles/troubles.ts';

/** Connections to the status listener at once: people, probes and Prometheus. */
const STATUS_CONNECTIONS = 256;

/** What may be read again while the server runs. */
export interface Reloadable {
  /** What signatures have to meet. */
  readonly policy: Policy;
  readonly webhookSecrets: readonly string[];
  readonly tls: TlsFiles | undefined;
}

export interface ServerOptions
  extends
    Reloadable,
    JudgeMemory,
    Pick<RefresherOptions, 'now' | 'tried' | 'older' | 'lookForGpgv' | 'hasGpgv'> {
  readonly source: Source;
  /** Keeps refused pulls between runs; undefined for nowhere. */
  readonly refusedFile: RefusedFile | undefined;
  /** What is wrong with the server, for operators. */
  readonly troubles: Troubles;
  /** Told of what fails unexpectedly. */
  readonly failures: Failures;
  /** Milliseconds after which a refresh counts as hanging; ten minutes by default. */
  readonly hangingAfter?: number;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly listen: { readonly host: string; readonly port: number };
  readonly statusListen: { readonly host: string; readonly port: number };
  /** At once, to the store; the system may allow fewer. */
  readonly maxConnections?: number;
  /** Milliseconds between two polls; 0 for none. */
  readonly poll: number;
  readonly accessLog: AccessLogForm;
  readonly accessLogSink: LineSink;
  readonly trustedProxies: readonly string[];
  /** Where nodes find the store; undefined if that is not configured. */
  readonly url: StoreUrl | undefined;
  /** Called once, when the first generation is served at `url`. */
  readonly onServing: (url: string, store: SignatureStore, generation: Generation) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly statusUrl: string;
  /** Puts new keys, secrets and certificates into force, judges everything again and refreshes. */
  readonly reload: (next: Reloadable) => void;
  /** Whether the next start knows what is served now, or noting it was tried in vain. */
  readonly isNoted: () => boolean;
  readonly stop: () => Promise<void>;
}

/** Listens, then loads the source; until that is done locations are answered with 503. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const current = new Current(options);
  const parts = await createParts(options, current, (store, generation) => {
    options.onServing(main.url, store, generation);
    // What lookups do not need does not hold up the first of them.
    void Promise.all([apps.main.load(), apps.status.load(), parts.loadMetrics()]);
  });
  const { refresher } = parts;
  const lookups = createLookups(options, parts);
  const apps = createApps(options, current, parts, lookups.lookup);
  const { main, status } = await listenOnBoth(options, lookups, apps);
  options.log.info({ main: main.url, status: status.url }, 'listening');
  refresher.start();
  const stopFollowing = follow(options, refresher);
  return {
    url: main.url,
    statusUrl: status.url,
    reload: (next) => {
      // First, as it throws for what is no certificate; then nothing has changed.
      if (next.tls) main.replaceTls(next.tls);
      if (next.policy.id !== current.policy().id) {
        refresher.replaceJudge(judgeWithMemory(options, next.policy));
      }
      current.replace(next);
      refresher.judgeAnew();
      refresher.request('signal');
    },
    isNoted: refresher.isNoted,
    stop: async () => {
      await Promise.all([main.stop(), status.stop(), stopFollowing()]);
      await Promise.all([lookups.flush(), parts.stopKeeping()]);
    },
  };
}

/** What may be read again while the server runs, as it is in force. */
class Current {
  readonly #now: () => Date;
  #inForce: Reloadable;
  #reloadedAt: number;

  constructor(options: ServerOptions) {
    this.#now = options.now;
    this.#inForce = options;
    this.#reloadedAt = options.now().getTime();
  }

  readonly policy = (): Policy => this.#inForce.policy;
  readonly webhookSecrets = (): readonly string[] => this.#inForce.webhookSecrets;
  readonly reloadedAt = (): number => this.#reloadedAt;

  replace(next: Reloadable): void {
    this.#inForce = next;
    this.#reloadedAt = this.#now().getTime();
  }
}

/** What follows the source, and what keeps account of lookups. */
interface Parts extends StatusServices {
  readonly refresher: Refresher;
  readonly refused: RefusedPulls;
  readonly reasons: Reasons;
  readonly metrics: Metrics;
  readonly lookups: LookupCounts;
  /** A failure is told of, and harms nothing else. */
  readonly loadMetrics: () => Promise<void>;
  /** Settles when the refused pulls are written for the next run. */
  readonly stopKeeping: () => Promise<void>;
}

async function createParts(
  options: ServerOptions,
  current: Current,
  onFirstLoad: RefresherOptions['onFirstLoad'],
): Promise<Parts> {
  const { source, troubles, failures, log, refusedFile } = options;
  const { policy, reloadedAt } = current;
  const refresher = new Refresher({
    ...options,
    elapsed,
    judge: judgeWithMemory(options, options.policy),
    onFirstLoad,
    onPublish: (store, { commit }) => {
      yieldToLookups(() => settleRefused(refused, store, commit, log));
    },
    onRefresh: (refresh) => metrics.addRefresh(refresh),
  });
  const refused = new RefusedPulls({
    isKnown: (repository) => refresher.store()?.hasRepository(repository) ?? false,
    saved: await refusedFile?.read(),
  });
  const stopKeeping = refusedFile?.keep(refused);
  const reasons = new Reasons({ source, refresher, failures, log });
  const lookups = createLookupCounts({ elapsed, now: () => Date.now() });
  const metrics = createMetrics({
    refresher,
    lookupCounts: lookups,
    keyring: () => policy().keyring,
    refusedImages: () => refused.count(),
    newlyRefused: () => refused.appeared(),
    troubles,
    reloadedAt,
    backgroundFailures: () => failures.count,
  });
  const loadMetrics = async (): Promise<void> => metrics.load().catch(createOnLateError(options));
  return {
    source,
    troubles,
    failures,
    log,
    policy,
    reloadedAt,
    refresher,
    refused,
    reasons,
    lookups,
    metrics,
    loadMetrics,
    stopKeeping: async () => stopKeeping?.(),
  };
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

/** Both ways in which a lookup is answered. */
interface Lookups {
  /** Behind node:http. */
  readonly lookup: Lookup;
  /** Before it. */
  readonly answerPlain: NonNullable<ListenerOptions['answerPlain']>;
  /** Settles when every answer is in the access log. */
  readonly flush: () => Promise<void>;
}

function createLookups(options: ServerOptions, parts: Parts): Lookups {
  const { refresher, reasons, lookups, refused } = parts;
  const accessLog = createAccessLog(options.accessLog, options.accessLogSink, (directory) =>
    reasons.codeOf(directory),
  );
  const clientAddress = createClientAddress(options.trustedProxies);
  const noteAnswer = (request: LoggedRequest, answer: Answer): void => {
    const { outcome, path, startedAt } = answer;
    lookups.add(outcome, startedAt);
    if (outcome === 'unsigned' && path !== undefined) refused.record(path, request.client);
    accessLog.log(request, answer);
  };
  const lookup = createLookup({
    store: refresher.store,
    onAnswer: (request, answer) => {
      const { method = '', url: target = '', httpVersion, headers } = request;
      const { referer, 'user-agent': userAgent } = headers;
      const client = clientAddress(request);
      const needsNoEscape = false;
      noteAnswer(
        { client, method, target, needsNoEscape, httpVersion, referer, userAgent },
        answer,
      );
    },
  });
  return {
    lookup,
    answerPlain: createQuickLookup({ store: refresher.store, onAnswer: noteAnswer }),
    flush: accessLog.flush,
  };
}

interface Apps {
  readonly main: DeferredApp;
  readonly status: DeferredApp;
}

/** Lookups need neither, and Express takes as long to load as a store of thousands. */
function createApps(
  { url, trustedProxies, ...options }: ServerOptions,
  { webhookSecrets }: Current,
  parts: Parts,
  lookup: Lookup,
): Apps {
  const onLateError = createOnLateError(options);
  const main = new DeferredApp(async () => {
    const { createApp } = await import('./app.ts');
    return createApp({
      ...parts,
      lookup,
      webhookSecrets,
      branch: options.source.branch,
      onDelivery: parts.metrics.addDelivery,
      url,
      trustedProxies,
    });
  }, onLateError);
  const status = new DeferredApp(async () => {
    const { createStatusApp } = await import('./status-app.ts');
    return createStatusApp(parts);
  }, onLateError);
  return { main, status };
}

function createOnLateError({
  failures,
  log,
}: Pick<ServerOptions, 'failures' | 'log'>): (error: unknown) => void {
  return (error) => {
    if (isUnexpected(error)) failures.note('a part of the server', error);
    else log.error({ error: messageOf(error) }, 'a part of the server failed to load');
  };
}

/** Where one of the two cannot listen, the other does not either. */
async function listenOnBoth(
  options: ServerOptions,
  { lookup, answerPlain }: Lookups,
  apps: Apps,
): Promise<{ readonly main: Listener; readonly status: Listener }> {
  const { log, tls } = options;
  const onError = (error: Error): void => log.error({ error: error.message }, 'listener failed');
  const maxConnections = await findMaxConnections(options);
  const status = await listen({
    ...options.statusListen,
    maxConnections: Math.min(STATUS_CONNECTIONS, maxConnections),
    tls: undefined,
    onError,
    handle: apps.status.handle,
  });
  const handle = createHandler(lookup, apps.main.handle);
  try {
    const address = options.listen;
    const main = await listen({ ...address, tls, maxConnections, onError, answerPlain, handle });
    return { main, status };
  } catch (error) {
    await status.stop();
    throw error;
  }
}

async function findMaxConnections({
  maxConnections: wanted = MAX_CONNECTIONS,
  log,
}: ServerOptions): Promise<number> {
  const openFiles = await readOpenFileLimit();
  const maxConnections = fitConnections(wanted, openFiles);
  if (maxConnections < wanted) {
    const facts = { openFiles, wanted, maxConnections };
    log.warn(facts, 'the limit of open files allows fewer connections');
  }
  return maxConnections;
}

/** Tries the lookup first, and hands every other request on. */
function createHandler(lookup: Lookup, handleOther: RequestListener): RequestListener {
  return (request, response) => {
    if (inTheWay(() => lookup.answer(request, response))) return;
    const target = toOriginForm(request.url ?? '');
    if (target === undefined) {
      lookup.answerUnknown(request, response);
      return;
    }
    request.url = target;
    handleOther(request, response);
  };
}

/** Asks for a refresh when the source says that it has changed, and now and then. Gives the way to stop. */
function follow(options: ServerOptions, refresher: Refresher): () => Promise<void> {
  const { source, troubles, log, poll, hangingAfter } = options;
  const hanging = new HangingRefresh({
    status: refresher.status,
    troubles,
    elapsed,
    ...(hangingAfter !== undefined && { limit: hangingAfter }),
  });
  hanging.start();
  const stopWatching = source.watch(
    () => refresher.request('change'),
    (error) =>
      log.warn(
        { error: error.message },
        'the source cannot be watched for changes; polling goes on',
      ),
  );
  const polling = poll > 0 ? setInterval(() => refresher.request('poll'), poll) : undefined;
  return async () => {
    clearInterval(polling);
    hanging.stop();
    await Promise.all([stopWatching(), refresher.stop()]);
  };
}
