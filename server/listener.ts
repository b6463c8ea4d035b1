// An HTTP or HTTPS server that slow and broken clients cannot hold, and that stops without
// cutting anybody off.
import { once } from 'node:events';
import {
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { LoggedRequest } from './access-log.ts';
import {
  OrderedResponse,
  answerBrokenRequest,
  answerSilence,
  refuseTunnel,
} from './broken-requests.ts';
import { Feeds } from './listen/feeds.ts';
import { noteExpectation } from './listen/unread-bodies.ts';
import {
  type QuickAnswer,
  type QuickConnections,
  type QuickLimits,
  createQuickConnections,
} from './quick-connections.ts';

/** PEM. */
export interface TlsFiles {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface Listener {
  /** `http://HOST:PORT` with the host as it was asked for and the port as it is. */
  readonly url: string;
  /** Serves new connections with another certificate. */
  readonly replaceTls: (files: TlsFiles) => void;
  /** Takes no more connections, and settles when the running requests have ended. */
  readonly stop: () => Promise<void>;
}

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsFiles | undefined;
  readonly handle: RequestListener;
  /**
   * Answers a plain request before node:http is entered, as `handle` would; undefined leaves it
   * to `handle`.
   */
  readonly answerPlain?: (request: LoggedRequest) => QuickAnswer | undefined;
  /** Told of errors while listening, as when there are no more file descriptors. */
  readonly onError: (error: Error) => void;
  readonly limits?: Limits;
}

/** Milliseconds. */
export interface Limits extends QuickLimits {
  /** For a whole request. */
  readonly requestTimeout: number;
}

const LIMITS: Limits = {
  /** Load balancers in front commonly keep connections for 60 seconds. */
  keepAliveTimeout: 65_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  /** A connection on which nothing moves is closed, so a client that never reads is not kept. */
  socketTimeout: 120_000,
  connectionsCheckingInterval: 2_000,
};
/** The headers' time, for the handshake before them. Milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** Requests that have not ended this long after the stop are cut off. Milliseconds. */
const STOP_LIMIT = 8_000;
const IDLE_CHECK = 50;
/** Connections that wait to be accepted, as after a restart; the system may allow fewer. */
const BACKLOG = 4096;

/** Starts to listen. Rejects with the system's error, as when the port is in use. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { host, port, tls, handle, answerPlain, onError, limits = LIMITS } = options;
  const secure = tls
    ? createSecureServer(
        {
          ...limits,
          ServerResponse: OrderedResponse,
          ...toTlsOptions(tls),
          ALPNProtocols: ['http/1.1'],
          handshakeTimeout: HANDSHAKE_TIMEOUT,
        },
        handle,
      )
    : undefined;
  const server: Server =
    secure ?? createServer({ ...limits, ServerResponse: OrderedResponse }, handle);
  server.timeout = limits.socketTimeout;
  // A client that has said all still gets its answer, whenever that comes. Node's types leave it out.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('clientError', answerBrokenRequest);
  server.on('connect', refuseTunnel);
  // By default an expectation that is not known is answered with 417, which fails a pull.
  server.on('checkExpectation', handle);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    noteExpectation(response);
    handle(request, response);
  });
  const feeds = new Feeds();
  const quick = putBefore(server, secure !== undefined, feeds, answerPlain, limits);
  // The server itself does not know of connections whose TLS handshake never ends.
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.listen({ port, host, backlog: BACKLOG });
  await once(server, 'listening');
  server.on('error', onError);
  const checking = setInterval(() => quick?.check(), limits.connectionsCheckingInterval).unref();
  const { port: actualPort } = server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${secure ? 'https' : 'http'}://${shownHost}:${actualPort}`,
    replaceTls: (files) => secure?.setSecureContext(toTlsOptions(files)),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      // Those that never sent a byte do not count as idle, but have nothing to end.
      for (const connection of connections) if (connection.bytesRead === 0) connection.destroy();
      quick?.closeIdle();
      const idle = setInterval(() => {
        server.closeIdleConnections();
        quick?.closeIdle();
      }, IDLE_CHECK);
      const limit = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, STOP_LIMIT);
      await closed;
      clearInterval(idle);
      clearTimeout(limit);
      clearInterval(checking);
    },
  };
}

function toTlsOptions({ cert, key }: TlsFiles): { cert: Buffer; key: Buffer } {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

/**
 * Lets connections be quick at first, where there is `answer`. Node's HTTP server takes a connection
 * by listening to an event of its own; that listener is set aside until a connection has to be
 * handed over.
 */
function putBefore(
  server: Server,
  isSecure: boolean,
  feeds: Feeds,
  answer: ListenerOptions['answerPlain'],
  limits: Limits,
): QuickConnections | undefined {
  const event = isSecure ? 'secureConnection' : 'connection';
  const takers = server.listeners(event);
  server.removeAllListeners(event);
  const handOver = (socket: Socket, chunk?: Buffer): void => {
    const connect = (): void => {
      for (const take of takers) Reflect.apply(take, server, [socket]);
    };
    feeds.take(socket, connect, chunk);
  };
  const quick =
    answer && createQuickConnections({ answer, limits, handOver, onSilent: answerSilence });
  server.on(event, quick?.take ?? ((socket: Socket) => handOver(socket)));
  return quick;
}
