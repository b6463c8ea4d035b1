// The two listeners of a server: nodes ask one of them for signatures, operators the other for its state.
import type { RequestListener } from 'node:http';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Lookup } from '../lookups/lookup.ts';
import { toOriginForm } from '../lookups/request-path.ts';
import { inTheWay } from '../troubles/failures.ts';
import { fitConnections, readOpenFileLimit } from './connection-limit.ts';
import { type Listener, type ListenerOptions, MAX_CONNECTIONS, listen } from './listener.ts';

export interface ListenersOptions extends Pick<ListenerOptions, 'tls' | 'answerPlain'> {
  readonly listen: Pick<ListenerOptions, 'host' | 'port'>;
  readonly statusListen: Pick<ListenerOptions, 'host' | 'port'>;
  /** At once, to the store; the system may allow fewer. */
  readonly maxConnections?: number;
  readonly lookup: Lookup;
  /** Answers what is no lookup. */
  readonly handleOther: RequestListener;
  readonly handleStatus: RequestListener;
  readonly log: ProgramLog;
}

export interface Listeners {
  readonly main: Listener;
  readonly status: Listener;
}

/** Connections to the status listener at once: people, probes and Prometheus. */
const STATUS_CONNECTIONS = 256;

/** Starts both. Rejects with the system's error where one of them cannot listen; then neither does. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { log, tls, answerPlain, lookup, handleOther, handleStatus } = options;
  const onError = (error: Error): void => log.error({ error: error.message }, 'listener failed');
  const maxConnections = await findMaxConnections(options);
  const status = await listen({
    ...options.statusListen,
    maxConnections: Math.min(STATUS_CONNECTIONS, maxConnections),
    tls: undefined,
    onError,
    handle: handleStatus,
  });
  try {
    const main = await listen({
      ...options.listen,
      tls,
      maxConnections,
      onError,
      ...(answerPlain && { answerPlain }),
      handle: createHandler(lookup, handleOther),
    });
    return { main, status };
  } catch (error) {
    await status.stop();
    throw error;
  }
}

async function findMaxConnections({
  maxConnections: wanted = MAX_CONNECTIONS,
  log,
}: Pick<ListenersOptions, 'maxConnections' | 'log'>): Promise<number> {
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
