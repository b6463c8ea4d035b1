// An HTTP or HTTPS server that slow and broken clients cannot hold, and that stops without
// cutting anybody off.
import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

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
  /** Told of errors while listening, as when there are no more file descriptors. */
  readonly onError: (error: Error) => void;
}

/** Milliseconds. Load balancers in front commonly keep connections for 60 seconds. */
const TIMEOUTS = {
  keepAliveTimeout: 65_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  connectionsCheckingInterval: 2_000,
};
/** The headers' time, for the handshake before them. Milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** A connection on which nothing moves is closed, so a client that never reads is not kept. Milliseconds. */
const SOCKET_TIMEOUT = 120_000;
/** Requests that have not ended this long after the stop are cut off. Milliseconds. */
const STOP_LIMIT = 8_000;
const IDLE_CHECK = 50;
/** Time to read the answer to a broken request; a client that goes on sending is cut off. Milliseconds. */
const BROKEN_LINGER = 1_000;

/** Starts to listen. Rejects with the system's error, as when the port is in use. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { host, port, tls, handle, onError } = options;
  const secure = tls
    ? createSecureServer(
        {
          ...TIMEOUTS,
          ...toTlsOptions(tls),
          ALPNProtocols: ['http/1.1'],
          handshakeTimeout: HANDSHAKE_TIMEOUT,
        },
        handle,
      )
    : undefined;
  const server: Server = secure ?? createServer(TIMEOUTS, handle);
  server.timeout = SOCKET_TIMEOUT;
  server.on('clientError', answerBrokenRequest);
  // By default an expectation that is not known is answered with 417, which fails a pull.
  server.on('checkExpectation', handle);
  // The server itself does not know of connections whose TLS handshake never ends.
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.listen(port, host);
  await once(server, 'listening');
  server.on('error', onError);
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
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK);
      const limit = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, STOP_LIMIT);
      await closed;
      clearInterval(idle);
      clearTimeout(limit);
    },
  };
}

function toTlsOptions({ cert, key }: TlsFiles): { cert: Buffer; key: Buffer } {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

/** A target that is no URL cannot be a location: 404, as for any other that is not there. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const status = BROKEN_REQUESTS[error.code ?? ''] ?? '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n`,
  );
  setTimeout(() => socket.destroy(), BROKEN_LINGER).unref();
}

const BROKEN_REQUESTS: Readonly<Record<string, string>> = {
  HPE_INVALID_URL: '404 Not Found',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
