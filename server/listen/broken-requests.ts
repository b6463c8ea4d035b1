// Answers what is not HTTP, comes too late, or asks for a tunnel. Node reports it at once, even while
// requests before it are unanswered; their answers go out first here, so that none is lost or taken for
// the answer to another request.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { noteResponse, stopFeeding } from './feeds.ts';
import { watchBody } from './unread-bodies.ts';

/** Time to read the answer to a broken request; a client that goes on sending is cut off. Milliseconds. */
const BROKEN_LINGER = 1_000;
const REQUEST_TIMEOUT = '408 Request Timeout';
const STATUSES: Readonly<Record<string, string>> = {
  // A target that is no URL cannot be a location: as for any other that is not there.
  HPE_INVALID_URL: '404 Not Found',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: REQUEST_TIMEOUT,
};

/** The newest response of each connection. */
const responses = new WeakMap<Socket, ServerResponse>();
const brokenConnections = new WeakSet<Socket>();

/** What a server that uses {@link answerBrokenRequest} answers with. */
export class OrderedResponse extends ServerResponse {
  constructor(...parameters: ConstructorParameters<typeof ServerResponse>) {
    super(...parameters);
    responses.set(this.req.socket, this);
    noteResponse(this);
    watchBody(this);
  }
}

/** Handles `clientError`. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  // Node reports it again with everything that comes behind it.
  if (error.code === 'ECONNRESET' || brokenConnections.has(socket)) return;
  brokenConnections.add(socket);
  stopFeeding(socket);
  const status = STATUSES[error.code ?? ''] ?? '400 Bad Request';
  inTurn(socket, () => end(socket, status));
}

/** Handles `connect`: there are no tunnels here. */
export function refuseTunnel(_request: IncomingMessage, socket: Socket): void {
  stopFeeding(socket);
  // Node has taken its own listeners away, but may still write answers.
  socket.on('error', () => undefined).on('timeout', () => socket.destroy());
  inTurn(socket, () => socket.destroySoon());
}

/** Answers a connection on which no request came in time. */
export function answerSilence(socket: Socket): void {
  end(socket, REQUEST_TIMEOUT);
}

/** Does nothing if the answer before it was the last one. */
function end(socket: Socket, status: string): void {
  if (!socket.writable) return;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n`,
  );
  setTimeout(() => socket.destroy(), BROKEN_LINGER).unref();
}

/** Calls `act` once the requests that came before are answered. */
function inTurn(socket: Socket, act: () => void): void {
  const last = responses.get(socket);
  if (last === undefined || last.closed) act();
  else if (last.req.complete || last.writableEnded) last.once('close', act);
  // The rest of the last request itself is broken, so it will never be answered.
  else if (last.socket) act();
  else last.once('socket', act);
}
