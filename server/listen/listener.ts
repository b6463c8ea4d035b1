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
import type { LoggedRequest } from '../lookups/access-log.ts';
import {
  OrderedResponse,
  answerBrokenRequest,
  answerSilence,
  refuseTunnel,
} from './broken-requests.ts';
import { ConnectionLimit, type Held } from './connection-limit.ts';
import { Feeds } from './feeds.ts';
import {
  type QuickAnswer,
  type QuickConnections,
  type QuickLimits,
  createQuickConnections,
} from './quick-connections.ts';
import { noteExpectation } from './unread-bodies.ts';

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
  /** Connections at once. */
  readonly maxConnections?: number;
}

/** Milliseconds. */
export interface Limits extends QuickLimits {
  /** For a whole request. */
  readonly requestTimeout: number;
}

/** As docs/limits.md has them. */
export const LISTENER_LIMITS: Limits = {
  /** Load balancers in front commonly keep connections for 60 seconds. */
  keepAliveTimeout: 65_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  /** A connection on which nothing moves is closed, so a client that never reads is not kept. */
  socketTimeout: 120_000,
  connectionsCheckingInterval: 2_000,
};
/** The request line and the headers; nodes send less than 500. Bytes. */
export const MAX_HEADER_SIZE = 16 * 1024;
/** Of connections at once; each takes some 10 KB. */
export const MAX_CONNECTIONS = 10_000;
/** Between two lines of the log about connections that the system could not give. Milliseconds. */
const TOLD_EVERY = 60_000;
/** The headers' time, for the handshake before them. Milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** Requests that have not ended this long after the stop are cut off. Milliseconds. */
const STOP_LIMIT = 8_000;
const IDLE_CHECK = 50;
/** Connections that wait to be accepted, as after a restart; the system may allow fewer. */
const BACKLOG = 4096;

/** Starts to listen. Rejects with the system's error, as when the port is in use. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { host, port, tls, handle, answerPlain, onError, limits = LISTENER_LIMITS } = options;
  const { maxConnections = MAX_CONNECTIONS } = options;
  const httpOptions = {
    ...limits,
    maxHeaderSize: MAX_HEADER_SIZE,
    ServerResponse: OrderedResponse,
  };
  const secure = tls
    ? createSecureServer(
        {
          ...httpOptions,
          ...toTlsOptions(tls),
          ALPNProtocols: ['http/1.1'],
          handshakeTimeout: HANDSHAKE_TIMEOUT,
        },
        handle,
      )
    : undefined;
  const server: Server = secure ?? createServer(httpOptions, handle);
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
  const handshakes = new Handshakes();
  const connections = new ConnectionLimit({
    max: maxConnections,
    list: function* () {
      yield* handshakes.list();
      if (quick) yield* quick.list();
      yield* feeds;
    },
  });
  // The server itself does not know of connections whose TLS handshake never ends.
  server.prependListener('connection', (socket: Socket) => {
    connections.add(socket);
    if (secure) handshakes.add(socket);
  });
  secure?.prependListener('secureConnection', (socket: Socket) => handshakes.end(socket));
  server.listen({ port, host, backlog: BACKLOG });
  await once(server, 'listening');
  let toldAt = -Infinity;
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') connections.noteExhaustion();
    if (performance.now() - toldAt < TOLD_EVERY) return;
    toldAt = performance.now();
    onError(error);
  });
  const checking = setInterval(() => {
    quick?.check();
    feeds.check();
    handshakes.check();
    connections.check();
  }, limits.connectionsCheckingInterval).unref();
  const { port: actualPort } = server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${secure ? 'https' : 'http'}://${shownHost}:${actualPort}`,
    replaceTls: (files) => secure?.setSecureContext(toTlsOptions(files)),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      // Those that never sent a byte do not count as idle, but have nothing to end.
      for (const one of connections.open) if (one.bytesRead === 0) one.destroy();
      quick?.closeIdle();
      const idle = setInterval(() => {
        server.closeIdleConnections();
        quick?.closeIdle();
      }, IDLE_CHECK);
      const limit = setTimeout(() => {
        for (const one of connections.open) one.destroy();
      }, STOP_LIMIT);
      await closed;
      clearInterval(idle);
      clearTimeout(limit);
      clearInterval(checking);
    },
  };
}

/** Connections on which a TLS handshake goes on, by the other end: it ends on another socket. */
class Handshakes {
  readonly #looks = new Map<string, { readonly socket: Socket; looks: number }>();

  add(socket: Socket): void {
    const end = formatEnd(socket);
    this.#looks.set(end, { socket, looks: 0 });
    socket.once('close', () => this.#looks.delete(end));
  }

  end(socket: Socket): void {
    this.#looks.delete(formatEnd(socket));
  }

  check(): void {
    for (const one of this.#looks.values()) one.looks++;
  }

  *list(): Iterable<Held> {
    for (const one of this.#looks.values()) yield { ...one, hasAsked: false, isBusy: false };
  }
}

function formatEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
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
