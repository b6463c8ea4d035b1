// Puts the server together: source, refresher, lookup, the two listeners.
import type { StoreUrl } from '../generator/nodes/store-url.ts';
import { messageOf } from '../generator/terms/errors.ts';
import type { Policy } from '../generator/policy/policy.ts';
import type { Source } from '../generator/sources/source.ts';
import type { SignatureStore } from '../generator/store/store.ts';
import { toPrintable } from '../generator/terms/text.ts';
import { type AccessLogForm, type LoggedRequest, createAccessLog } from './lookups/access-log.ts';
import { afterLookups } from './follow/yield-to-lookups.ts';
import type { LineSink } from './lookups/batch-lines.ts';
import { createClientAddress } from './listen/client-address.ts';
import { type JudgeMemory, type StoreJudge, judgeWithMemory } from './follow/judge-with-memory.ts';
import { createLazyHandler } from './deferred-app.ts';
import { fitConnections, readOpenFileLimit } from './listen/connection-limit.ts';
import { type Listener, MAX_CONNECTIONS, type TlsFiles, listen } from './listen/listener.ts';
import { type Answer, createLookup } from './lookups/lookup.ts';
import { createLookupCounts } from './metrics/lookup-counts.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { Generation } from './follow/generations.ts';
import { createQuickLookup } from './listen/quick-lookup.ts';
import { type Failures, inTheWay, isUnexpected } from './troubles/failures.ts';
import { HangingRefresh } from './follow/hanging-refresh.ts';
import type { Troubles } from './troubles/troubles.ts';
import { createReasons } from './refused/reasons.ts';
import type { RefusedFile } from './refused/refused-file.ts';
import { createRefusedPulls } from './refused/refused-pulls.ts';
import { Refresher, type RefresherOptions } from './follow/refresher.ts';
import { toOriginForm } from './lookups/request-path.ts';

/** Connections to the status listener at once: people, probes and Prometheus. */
const STATUS_CONNECTIONS = 256;

/** What may be read again while the server runs. */
export interface Reloadable {
  /** What is asked of signatures. */
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
  /** Where refused pulls are kept between runs; undefined for nowhere. */
  readonly refusedFile: RefusedFile | undefined;
  /** What operators are told of. */
  readonly troubles: Troubles;
  /** Told of what fails unexpectedly. */
  readonly failures: Failures;
  /** Milliseconds after which a refresh is told of as hanging; ten minutes unless told. */
  readonly hangingAfter?: number;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly listen: { readonly host: string; readonly port: number };
  readonly statusListen: { readonly host: string; readonly port: number };
  /** To the store, at once; the system may allow fewer. */
  readonly maxConnections?: number;
  /** Milliseconds between two polls; 0 for none. */
  readonly poll: number;
  readonly accessLog: AccessLogForm;
  readonly accessLogSink: LineSink;
  readonly trustedProxies: readonly string[];
  /** Where nodes find the store; undefined if nobody said. */
  readonly url: StoreUrl | undefined;
  /** Called once, when the first generation is served at `url`. */
  readonly onServing: (url: string, store: SignatureStore, generation: Generation) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly statusUrl: string;
  /** Takes new keys, secrets and certificates into use, judges everything anew and refreshes. */
  readonly reload: (next: Reloadable) => void;
  /** Whether the next start knows of what is served now, as far as that works. */
  readonly isNoted: () => boolean;
  readonly stop: () => Promise<void>;
}

/** Listens, then loads the source; until that is done locations are answered with 503. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { source, log, troubles, failures } = options;
  const judgeBy = (policy: Policy): StoreJudge => judgeWithMemory(options, policy);
  let reloadable: Reloadable = options;
  const clientAddress = createClientAddress(options.trustedProxies);
  const { now, tried, older, lookForGpgv, hasGpgv } = options;
  let reloadedAt = now().getTime();
  const refresher = new Refresher({
    source,
    now,
    elapsed: () => performance.now(),
    tried,
    older,
    lookForGpgv,
    hasGpgv,
    judge: judgeBy(options.policy),
    onInvalid: options.onInvalid,
    log,
    troubles,
    failures,
    onFirstLoad: (store, generation) => {
      options.onServing(main.url, store, generation);
      // What lookups do not need does not hold up the first of them.
      void Promise.all([app.load(), statusApp.load(), metrics.load().catch(onLateError)]);
    },
    onPublish: (store, { commit }) => {
      afterLookups(() => {
        const arrived = refused.settle(
          (directory) => store.find(directory, 1) !== undefined,
          commit,
        );
        for (const { directory, firstSeen, arrivedAt } of arrived) {
          const waitedMs = arrivedAt - firstSeen;
          log.info(
            { directory: toPrintable(directory), waitedMs },
            'a refused image is signed now',
          );
        }
      });
    },
    onRefresh: (refresh) => metrics.addRefresh(refresh),
  });
  const refused = createRefusedPulls({
    isKnown: (repository) => refresher.store()?.hasRepository(repository) ?? false,
    saved: await options.refusedFile?.read(),
  });
  const stopKeeping = options.refusedFile?.keep(refused);
  const reasons = createReasons({ source, refresher, failures, log });
  const accessLog = createAccessLog(options.accessLog, options.accessLogSink, reasons.codeOf);
  const lookupCounts = createLookupCounts({
    elapsed: () => performance.now(),
    now: () => Date.now(),
  });
  const metrics = createMetrics({
    refresher,
    lookupCounts,
    keyring: () => reloadable.policy.keyring,
    refusedImages: refused.count,
    newlyRefused: refused.appeared,
    troubles,
    reloadedAt: () => reloadedAt,
    backgroundFailures: () => failures.count,
  });
  const noteAnswer = (request: LoggedRequest, answer: Answer): void => {
    const { outcome, path, startedAt } = answer;
    lookupCounts.add(outcome, startedAt);
    if (outcome === 'unsigned' && path !== undefined) refused.record(path, request.client);
    accessLog.log(request, answer);
  };
  const lookup = createLookup({
    store: refresher.store,
    onAnswer: (request, answer) => {
      const { method = '', url: target = '', httpVersion, headers } = request;
      const { referer, 'user-agent': userAgent } = headers;
      const client = clientAddress(request);
      noteAnswer(
        { client, method, target, needsNoEscape: false, httpVersion, referer, userAgent },
        answer,
      );
    },
  });
  const answerPlain = createQuickLookup({ store: refresher.store, onAnswer: noteAnswer });
  const onLateError = (error: unknown): void => {
    if (isUnexpected(error)) failures.note('a part of the server', error);
    else log.error({ error: messageOf(error) }, 'a part of the server failed to load');
  };
  // Lookups need neither, and Express takes as long to load as a store of thousands.
  const app = createLazyHandler(async () => {
    const { createApp } = await import('./app.ts');
    return createApp({
      refresher,
      lookup,
      webhookSecrets: () => reloadable.webhookSecrets,
      branch: source.branch,
      onDelivery: metrics.addDelivery,
      policy: () => reloadable.policy,
      url: options.url,
      trustedProxies: options.trustedProxies,
      failures,
      log,
    });
  }, onLateError);
  const statusApp = createLazyHandler(async () => {
    const { createStatusApp } = await import('./status-app.ts');
    return createStatusApp({
      source,
      refresher,
      policy: () => reloadable.policy,
      refused,
      reasons,
      metrics,
      lookups: lookupCounts,
      troubles,
      reloadedAt: () => reloadedAt,
      failures,
      log,
    });
  }, onLateError);
  const onError = (error: Error): void => log.error({ error: error.message }, 'listener failed');
  const { maxConnections: wanted = MAX_CONNECTIONS } = options;
  const openFiles = await readOpenFileLimit();
  const maxConnections = fitConnections(wanted, openFiles);
  if (maxConnections < wanted) {
    log.warn(
      { openFiles, wanted, maxConnections },
      'the limit of open files allows fewer connections',
    );
  }
  const status = await listen({
    ...options.statusListen,
    maxConnections: Math.min(STATUS_CONNECTIONS, maxConnections),
    tls: undefined,
    onError,
    handle: statusApp.handle,
  });
  let main: Listener;
  try {
    main = await listen({
      ...options.listen,
      tls: options.tls,
      maxConnections,
      onError,
      answerPlain,
      handle: (request, response) => {
        if (inTheWay(() => lookup.answer(request, response))) return;
        const target = toOriginForm(request.url ?? '');
        if (target === undefined) {
          lookup.answerUnknown(request, response);
          return;
        }
        request.url = target;
        app.handle(request, response);
      },
    });
  } catch (error) {
    await status.stop();
    throw error;
  }
  log.info({ main: main.url, status: status.url }, 'listening');

  refresher.start();
  const hanging = new HangingRefresh({
    status: refresher.status,
    troubles,
    elapsed: () => performance.now(),
    ...(options.hangingAfter !== undefined && { limit: options.hangingAfter }),
  });
  hanging.start();
  const stopWatching = source.watch(
    () => refresher.request('change'),
    (error) => log.warn({ error: error.message }, 'changes are not announced; polling goes on'),
  );
  const polling =
    options.poll > 0 ? setInterval(() => refresher.request('poll'), options.poll) : undefined;

  return {
    url: main.url,
    statusUrl: status.url,
    reload: (next) => {
      // First, as it throws for what is no certificate; then nothing has changed.
      if (next.tls) main.replaceTls(next.tls);
      if (next.policy.id !== reloadable.policy.id) refresher.replaceJudge(judgeBy(next.policy));
      reloadable = next;
      reloadedAt = now().getTime();
      refresher.judgeAnew();
      refresher.request('signal');
    },
    isNoted: refresher.isNoted,
    stop: async () => {
      clearInterval(polling);
      hanging.stop();
      await Promise.all([main.stop(), status.stop(), stopWatching(), refresher.stop()]);
      await Promise.all([accessLog.flush(), stopKeeping?.()]);
    },
  };
}
