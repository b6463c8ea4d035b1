// The two listeners of a server: nodes ask one of them for signatures, operators the other for its state.
import type { RequestListener } from 'node:http';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Probes } from '../health/probes.ts';
import type { Lookup } from '../lookups/lookup.ts';
import { toOriginForm } from '../lookups/request-path.ts';
import { inTheWay } from '../troubles/failures.ts';
import type { ListenPlace } from './bound-addresses.ts';
import type { BrokenRequest } from './broken-requests.ts';
import { fitConnections, readOpenFileLimit } from './connection-limit.ts';
import { ForeignProtocolNotices, isForeignProtocol } from './foreign-protocol.ts';
import { type Listener, type ListenerOptions, MAX_CONNECTIONS, listen } from './listener.ts';

export interface ListenersOptions extends Pick<ListenerOptions, 'tls' | 'answerPlain'> {
  readonly listen: ListenPlace;
  readonly statusListen: ListenPlace;
  /** At once, to the store; the system may allow fewer. */
  readonly maxConnections?: number;
  readonly lookup: Lookup;
  readonly probes: Probes;
  /** Answers what is neither. */
  readonly handleOther: RequestListener;
  readonly handleStatus: RequestListener;
  /** Told of requests to the store that could not be understood. */
  readonly onBroken: (broken: BrokenRequest) => void;
  readonly log: ProgramLog;
}

export interface Listeners {
  readonly main: Listener;
  readonly status: Listener;
}

/** A listener cannot listen; the cause is the system's error. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly listener: 'store' | 'status';

  constructor(listener: 'store' | 'status', cause: unknown) {
    super(messageOf(cause), { cause });
    this.listener = listener;
  }
}

/** Connections to the status listener at once: people, probes and Prometheus. */
const STATUS_CONNECTIONS = 256;

/**
 * Starts both; where one of them cannot listen, neither does.
 * @throws ListenError
 */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { log, tls, answerPlain, handleStatus, onBroken } = options;
  const onError = (error: Error): void => log.error({ error: error.message }, 'listener failed');
  const maxConnections = await findMaxConnections(options);
  const status = await listenAs('status', {
    ...options.statusListen,
    maxConnections: Math.min(STATUS_CONNECTIONS, maxConnections),
    tls: undefined,
    onError,
    onBroken: createNotice('the status listener', log),
    handle: handleStatus,
  });
  const notice = createNotice('the store', log);
  try {
    const main = await listenAs('store', {
      ...options.listen,
      tls,
      maxConnections,
      onError,
      onBroken: (broken) => {
        notice(broken);
        onBroken(broken);
      },
      ...(answerPlain && { answerPlain }),
      handle: createHandler(options),
    });
    return { main, status };
  } catch (error) {
    await status.stop();
    throw error;
  }
}

async function listenAs(
  listener: ListenError['listener'],
  options: ListenerOptions,
): Promise<Listener> {
  try {
    return await listen(options);
  } catch (error) {
    throw new ListenError(listener, error);
  }
}

/** Says in the log what comes in place of HTTP. */
function createNotice(listener: string, log: ProgramLog): (broken: BrokenRequest) => void {
  const notices = new ForeignProtocolNotices(listener, log);
  return ({ reason, client }) => {
    if (isForeignProtocol(reason)) notices.note(reason, client);
  };
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
function createHandler({
  lookup,
  probes,
  handleOther,
}: Pick<ListenersOptions, 'lookup' | 'probes' | 'handleOther'>): RequestListener {
  return (request, response) => {
    // Any path has options, and asking for them is no lookup.
    const isLookup = request.method !== 'OPTIONS';
    if (isLookup && inTheWay(() => lookup.answer(request, response))) return;
    if (probes.answer(request, response) || probes.answerUnready(request, response)) return;
    const target = toOriginForm(request.url ?? '');
    if (target === undefined) {
      lookup.answerUnknown(request, response);
      return;
    }
    request.url = target;
    handleOther(request, response);
  };
}
