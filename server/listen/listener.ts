// An HTTP or HTTPS server that slow and broken clients cannot block, and that lets running requests end
// when it stops.
import {
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import { Server as SecureServer, createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { LoggedRequest } from '../lookups/access-log.ts';
import { BoundAddresses, type ListenPlace } from './bound-addresses.ts';
import {
  type BrokenRequest,
  BrokenRequests,
  OrderedResponse,
  refuseTunnel,
} from './broken-requests.ts';
import { ConnectionLimit, type Held } from './connection-limit.ts';
import { Feeds } from './feeds.ts';
import { type QuickAnswer, QuickConnections, type QuickLimits } from './quick-connections.ts';
import { noteExpectation } from './unread-bodies.ts';

/** PEM. */
export interface TlsFiles {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface ListenerOptions extends ListenPlace {
  readonly tls: TlsFiles | undefined;
  readonly handle: RequestListener;
  /**
   * Answers a plain request before node:http is entered, as `handle` would; undefined leaves it
   * to `handle`.
   */
  readonly answerPlain?: (request: LoggedRequest) => QuickAnswer | undefined;
  /** Told of errors while listening, as when there are no more file descriptors. */
  readonly onError: (error: Error) => void;
  /** Told of requests that could not be understood. */
  readonly onBroken?: (broken: BrokenRequest) => void;
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
/** Connections at once; each takes some 10 KB. */
export const MAX_CONNECTIONS = 10_000;
/** At most one error of the listener is reported in this time. Milliseconds. */
const TOLD_EVERY = 60_000;
/** As long as for headers. Milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** Requests that have not ended this long after the stop are cut off. Milliseconds. */
const STOP_LIMIT = 8_000;
const IDLE_CHECK = 50;

/** Starts to listen. Rejects with the system's error, as when the port is in use. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const listener = new Listener(options);
  await listener.start();
  return listener;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #limits: Limits;
  readonly #server: Server | SecureServer;
  readonly #addresses: BoundAddresses;
  readonly #broken: BrokenRequests;
  readonly #feeds = new Feeds();
  /** Undefined where all connections go to node:http from the first byte. */
  readonly #quick: QuickConnections | undefined;
  readonly #handshakes = new Handshakes();
  readonly #connections: ConnectionLimit;
  #url = '';
  #isRetiring = false;
  #checking: NodeJS.Timeout | undefined;
  #toldAt = -Infinity;

  constructor(options: ListenerOptions) {
    const { limits = LISTENER_LIMITS, maxConnections = MAX_CONNECTIONS } = options;
    this.#options = options;
    this.#limits = limits;
    this.#broken = new BrokenRequests(options.onBroken);
    this.#server = createHttpServer(options.tls, limits, this.#handle, this.#broken.answer);
    this.#addresses = new BoundAddresses(this.#server, this.#onError);
    this.#connections = new ConnectionLimit({ max: maxConnections, list: () => this.#list() });
    this.#quick = this.#takeConnections();
    this.#countConnections();
  }

  /** `http://HOST:PORT` with the host as it was asked for and the port as it is. */
  get url(): string {
    return this.#url;
  }

  /** Each address and port on which it listens. */
  get places(): readonly ListenPlace[] {
    return this.#addresses.places;
  }

  async start(): Promise<void> {
    const { host, port } = await this.#addresses.open(this.#options);
    const shownHost = host.includes(':') ? `[${host}]` : host;
    this.#url = `${this.#options.tls ? 'https' : 'http'}://${shownHost}:${port}`;
    const interval = this.#limits.connectionsCheckingInterval;
    this.#checking = setInterval(this.#check, interval).unref();
  }

  /** Serves new connections with another certificate. */
  replaceTls(files: TlsFiles): void {
    if (isSecure(this.#server)) this.#server.setSecureContext(toTlsOptions(files));
  }

  /** Lets each connection end with its next answer, which says so. New ones are still taken. */
  retire(): void {
    this.#isRetiring = true;
    this.#quick?.retire();
  }

  /** Takes no more connections, and settles when the running requests have ended. */
  async stop(): Promise<void> {
    this.retire();
    const closed = this.#addresses.close();
    // Those that never sent a byte do not count as idle, but have nothing to end.
    for (const one of this.#connections.open) if (one.bytesRead === 0) one.destroy();
    this.#quick?.closeIdle();
    const idle = setInterval(() => {
      this.#server.closeIdleConnections();
      this.#quick?.closeIdle();
    }, IDLE_CHECK);
    const limit = setTimeout(() => {
      for (const one of this.#connections.open) one.destroy();
    }, STOP_LIMIT);
    await closed;
    clearInterval(idle);
    clearTimeout(limit);
    clearInterval(this.#checking);
  }

  /**
   * Takes the connections before node:http does: it gets them from the feeds, and where plain requests
   * are answered quickly, only once it is needed. It takes a connection by listening to an event of its
   * own server, so that listener is set aside until then.
   */
  #takeConnections(): QuickConnections | undefined {
    const server = this.#server;
    const event = isSecure(server) ? 'secureConnection' : 'connection';
    const takers = server.listeners(event);
    server.removeAllListeners(event);
    const handOver = (socket: Socket, chunk?: Buffer): void => {
      const connect = (): void => {
        for (const take of takers) Reflect.apply(take, server, [socket]);
      };
      this.#feeds.take(socket, connect, chunk);
    };
    const { answerPlain: answer } = this.#options;
    if (!answer) {
      server.on(event, (socket: Socket) => handOver(socket));
      return undefined;
    }
    const limits = this.#limits;
    const { answerSilence: onSilent } = this.#broken;
    const quick = new QuickConnections({ answer, limits, handOver, onSilent });
    server.on(event, (socket: Socket) => quick.take(socket));
    return quick;
  }

  /** The server itself does not know of connections whose TLS handshake never ends. */
  #countConnections(): void {
    const server = this.#server;
    const hasHandshakes = isSecure(server);
    server.prependListener('connection', (socket: Socket) => {
      this.#connections.add(socket);
      if (hasHandshakes) this.#handshakes.add(socket);
    });
    if (!hasHandshakes) return;
    server.prependListener('secureConnection', (socket: Socket) => this.#handshakes.end(socket));
  }

  *#list(): Generator<Held> {
    yield* this.#handshakes.list();
    if (this.#quick) yield* this.#quick;
    yield* this.#feeds;
  }

  readonly #handle: RequestListener = (request, response) => {
    if (this.#isRetiring) response.shouldKeepAlive = false;
    if (this.#broken.refuseWithoutHost(request, response)) return;
    this.#options.handle(request, response);
  };

  readonly #check = (): void => {
    this.#quick?.check();
    this.#feeds.check();
    this.#handshakes.check();
    this.#connections.check();
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') this.#connections.noteExhaustion();
    if (performance.now() - this.#toldAt < TOLD_EVERY) return;
    this.#toldAt = performance.now();
    this.#options.onError(error);
  };
}

/** A server that does not listen yet, and answers what `handle` never gets to see. */
function createHttpServer(
  tls: TlsFiles | undefined,
  limits: Limits,
  handle: RequestListener,
  onBroken: BrokenRequests['answer'],
): Server | SecureServer {
  const httpOptions = {
    ...limits,
    maxHeaderSize: MAX_HEADER_SIZE,
    // Node would answer by itself, and nobody would know.
    requireHostHeader: false,
    ServerResponse: OrderedResponse,
  };
  const tlsOptions = { ALPNProtocols: ['http/1.1'], handshakeTimeout: HANDSHAKE_TIMEOUT };
  const server: Server | SecureServer = tls
    ? createSecureServer({ ...httpOptions, ...toTlsOptions(tls), ...tlsOptions }, handle)
    : createServer(httpOptions, handle);
  server.timeout = limits.socketTimeout;
  // A client that has closed its side still gets its answer. Node's types lack this option.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('clientError', onBroken);
  server.on('connect', refuseTunnel);
  // Node answers an expectation that it does not know with 417, which fails a pull.
  server.on('checkExpectation', handle);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    noteExpectation(response);
    handle(request, response);
  });
  return server;
}

function isSecure(server: Server | SecureServer): server is SecureServer {
  return server instanceof SecureServer;
}

/** Connections in a TLS handshake, by the client's address: the handshake ends on another socket. */
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
