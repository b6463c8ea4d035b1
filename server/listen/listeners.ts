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
import { LONGEST_WAIT, Opening } from './inherited/opening.ts';
import { Listener, type ListenerOptions, MAX_CONNECTIONS, listen } from './listener.ts';

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
  /** Of `main`. */
  readonly opening: Opening;
}

/** A listener cannot listen; the cause is the system's error. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly listener: 'store' | 'status';
  /** Whether it was to take connections from sockets of others. */
  readonly isInherited: boolean;

  constructor(listener: 'store' | 'status', cause: unknown, isInherited = false) {
    super(messageOf(cause), { cause });
    this.listener = listener;
    this.isInherited = isInherited;
  }
}

/** Connections to the status listener at once: people, probes and Prometheus. */
const STATUS_CONNECTIONS = 256;

/**
 * Starts both; where one of them cannot listen, neither does. With inherited sockets the store begins to
 * take connections later, see `Opening`.
 * @throws ListenError
 */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { log, listen: place, statusListen, handleStatus } = options;
  const onError = (error: Error): void => log.error({ error: error.message }, 'listener failed');
  const maxConnections = await findMaxConnections(options);
  const status = await asListener('status', statusListen, async () =>
    listen({
      ...statusListen,
      maxConnections: Math.min(STATUS_CONNECTIONS, maxConnections),
      tls: undefined,
      onError,
      onBroken: createNotice('the status listener', log),
      handle: handleStatus,
    }),
  );
  const main = new Listener(toStoreOptions(options, maxConnections, onError));
  const open = async (): Promise<void> => {
    await asListener('store', place, async () => main.start());
    log.info({ main: main.url, status: status.url }, 'listening');
  };
  const opening = new Opening(open, LONGEST_WAIT);
  if (place.inherited) {
    log.info({ status: status.url }, 'connections wait until there is a state to serve');
    return { main, status, opening };
  }
  try {
    opening.begin();
    await opening.done;
    return { main, status, opening };
  } catch (error) {
    await status.stop();
    throw error;
  }
}

function toStoreOptions(
  options: ListenersOptions,
  maxConnections: number,
  onError: ListenerOptions['onError'],
): ListenerOptions {
  const { log, listen: place, tls, answerPlain, onBroken } = options;
  const notice = createNotice('the store', log);
  return {
    ...place,
    tls,
    maxConnections,
    onError,
    onBroken: (broken) => {
      notice(broken);
      onBroken(broken);
    },
    ...(answerPlain && { answerPlain }),
    handle: createHandler(options),
  };
}

/** Does a step of a listener; what fails is thrown as its `ListenError`. */
async function asListener<Result>(
  name: ListenError['listener'],
  { inherited }: ListenPlace,
  step: () => Promise<Result>,
): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw new ListenError(name, error, inherited !== undefined);
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
