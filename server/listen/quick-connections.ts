// Connections on which plain requests are answered the moment they come, without node:http,
// which costs several times the lookup itself. The first request that is not plain takes the
// connection to node:http for good. A connection here is always between two requests: what it
// has received it has answered.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { LoggedRequest } from '../lookups/access-log.ts';
import type { Headers } from '../lookups/answer-headers.ts';
import { createAnswerWriter } from './answer-writer.ts';
import { toPlainAddress } from './client-address.ts';
import { everySecond } from '../lookups/cached-per-second.ts';
import type { Held } from './connection-limit.ts';
import { inTheWay } from '../troubles/failures.ts';
import { type PlainHeaders, readPlainRequest } from './plain-request.ts';
import { createReader } from './read-in-place.ts';

export interface QuickAnswer {
  /** As {@link formatHead} makes it. */
  readonly head: string;
  /** At most {@link MAX_BODY} bytes; undefined for none. */
  readonly body: Uint8Array | undefined;
}

/** Milliseconds. */
export interface QuickLimits {
  /** For the first request. */
  readonly headersTimeout: number;
  /** Between two requests. */
  readonly keepAliveTimeout: number;
  /** For reading an answer. */
  readonly socketTimeout: number;
  /** Between two looks at the others, which are kept by so much too long. */
  readonly connectionsCheckingInterval: number;
}

export interface QuickConnectionsOptions {
  /** Answers a request; undefined leaves it, and all that follow it, to node:http. */
  readonly answer: (request: LoggedRequest) => QuickAnswer | undefined;
  /** Gives a connection to node:http, which then reads `chunk` and what comes behind it. */
  readonly handOver: (socket: Socket, chunk: Buffer) => void;
  /** Called with a connection on which no request came in time. */
  readonly onSilent: (socket: Socket) => void;
  readonly limits: QuickLimits;
}

export interface QuickConnections {
  /** Takes a connection on which nothing has been read. */
  readonly take: (socket: Socket) => void;
  /** Closes those that are not being answered. */
  readonly closeIdle: () => void;
  readonly list: () => Iterable<Held>;
  /** Closes those that have reached a limit; to be called every `connectionsCheckingInterval`. */
  readonly check: () => void;
}

interface Connection {
  readonly socket: Socket;
  client: string | undefined;
  headers: PlainHeaders | undefined;
  /** Looks at the connection since anything came. */
  looks: number;
  /** Leaves the socket to others. */
  readonly release: () => void;
}

/** The status line and headers, as Node writes them before those of the connection. */
export function formatHead(status: number, headers: Headers): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    head += `${headers[index] ?? ''}: ${headers[index + 1] ?? ''}\r\n`;
  }
  return head;
}

export function createQuickConnections(options: QuickConnectionsOptions): QuickConnections {
  const { answer, handOver, onSilent, limits } = options;
  const connections = new Set<Connection>();
  const read = createReader();
  const write = createAnswerWriter();
  /** As Node ends the headers of a connection that is kept. */
  const transport = everySecond(
    (now) =>
      `Date: ${now.toUTCString()}\r\nConnection: keep-alive\r\n` +
      `Keep-Alive: timeout=${Math.floor(limits.keepAliveTimeout / 1000)}\r\n\r\n`,
  );

  const answerChunk = (connection: Connection, chunk: Buffer): boolean => {
    const { socket } = connection;
    // Answers that the client does not read must not pile up.
    if (socket.writableLength > 0) return false;
    const request = readPlainRequest(chunk, connection.headers);
    if (!request) return false;
    const { target, headers } = request;
    const { referer, userAgent } = headers;
    // Plain requests have no header that names another client.
    const client = (connection.client ??= toPlainAddress(socket.remoteAddress));
    const answered = answer({
      client,
      method: 'GET',
      target,
      needsNoEscape: true,
      httpVersion: '1.1',
      referer,
      userAgent,
    });
    if (!answered) return false;
    connection.headers = headers;
    connection.looks = 0;
    const head = answered.head + transport();
    if (answered.body) write(socket, head, answered.body);
    else socket.write(head, 'latin1');
    return true;
  };

  const take = (socket: Socket): void => {
    const onData = (chunk: Buffer): void => {
      if (inTheWay(() => answerChunk(connection, chunk))) return;
      connection.release();
      handOver(socket, Buffer.from(chunk));
    };
    const stopReading = read(socket, onData);
    const onEnd = (): void => void socket.end();
    const release = (): void => {
      connections.delete(connection);
      stopReading();
      socket.off('end', onEnd).off('close', release);
    };
    const connection: Connection = {
      socket,
      client: undefined,
      headers: undefined,
      looks: 0,
      release,
    };
    connections.add(connection);
    // A client that goes away is none of our troubles.
    socket.on('end', onEnd).on('close', release).on('error', ignore);
  };

  const look = (connection: Connection): void => {
    const { socket, headers, release } = connection;
    const isSilent = headers === undefined;
    const limit = isSilent
      ? limits.headersTimeout
      : socket.writableLength > 0
        ? limits.socketTimeout
        : limits.keepAliveTimeout;
    // The first look may come at once, so it does not count.
    if (connection.looks++ * limits.connectionsCheckingInterval < limit) return;
    release();
    if (isSilent) onSilent(socket);
    else socket.destroy();
  };
  return {
    take,
    closeIdle: () => {
      for (const { socket } of connections) if (socket.writableLength === 0) socket.destroy();
    },
    list: function* () {
      for (const { socket, looks, headers } of connections) {
        yield { socket, looks, hasAsked: headers !== undefined, isBusy: socket.writableLength > 0 };
      }
    },
    check: () => {
      for (const connection of connections) look(connection);
    },
  };
}

function ignore(): void {}
