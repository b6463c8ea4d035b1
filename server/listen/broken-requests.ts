// Answers what is not HTTP, comes too late, or asks for a tunnel. Node reports it at once, even while
// requests before it are unanswered; their answers go out first here, so that none is lost or taken for
// the answer to another request.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { EMPTY_HEADERS } from '../lookups/answer-headers.ts';
import { toPlainAddress } from './client-address.ts';
import { noteResponse, stopFeeding } from './feeds.ts';
import { type ForeignProtocol, findForeignProtocol } from './foreign-protocol.ts';
import { watchBody } from './unread-bodies.ts';

/** Time to read the answer to a broken request; a client that goes on sending is cut off. Milliseconds. */
const BROKEN_LINGER = 1_000;

export type BrokenReason = 'malformed' | 'too-large' | 'too-slow' | ForeignProtocol;

/** A request that ended before it could be understood. */
export interface BrokenRequest {
  readonly reason: BrokenReason;
  /** Of the answer; undefined if none was possible. */
  readonly status: number | undefined;
  /** The other end of the connection; `-` if it is gone. */
  readonly client: string;
  /** Its head, if that could be read; what answers it may have changed its URL. */
  readonly request: IncomingMessage | undefined;
  /** As it came with the head; empty without one. */
  readonly target: string;
}

interface Kind {
  readonly status: string;
  readonly reason: BrokenReason;
}

const MALFORMED: Kind = { status: '400 Bad Request', reason: 'malformed' };
const TOO_SLOW: Kind = { status: '408 Request Timeout', reason: 'too-slow' };
const KINDS: Readonly<Record<string, Kind>> = {
  // A target that is no URL cannot be a location: as for any other that is not there.
  HPE_INVALID_URL: { status: '404 Not Found', reason: 'malformed' },
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', reason: 'too-large' },
  ERR_HTTP_REQUEST_TIMEOUT: TOO_SLOW,
};
/** Whose connection TLS has already closed. */
const TLS_FAILURE = /^ERR_(?:SSL|TLS)_/;

/** The newest response of each connection, and for what it is. */
const responses = new WeakMap<
  Socket,
  { readonly response: ServerResponse; readonly target: string }
>();
const brokenConnections = new WeakSet<Socket>();

/** What a server whose broken requests are answered here answers with. */
export class OrderedResponse extends ServerResponse {
  constructor(...parameters: ConstructorParameters<typeof ServerResponse>) {
    super(...parameters);
    const { socket, url: target = '' } = this.req;
    responses.set(socket, { response: this, target });
    noteResponse(this);
    watchBody(this);
  }
}

export class BrokenRequests {
  readonly #onBroken: (broken: BrokenRequest) => void;

  /** `onBroken` is told of each when it is answered, and of what nobody can answer. */
  constructor(onBroken: (broken: BrokenRequest) => void = () => undefined) {
    this.#onBroken = onBroken;
  }

  /** Handles `clientError`. */
  readonly answer = (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Node reports it again with everything that comes behind it.
    if (error.code === 'ECONNRESET' || brokenConnections.has(socket)) return;
    brokenConnections.add(socket);
    stopFeeding(socket);
    const foreign = findForeignProtocol(error);
    if (TLS_FAILURE.test(error.code ?? '')) {
      socket.destroy();
      const isLate = error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT';
      const reason = isLate ? TOO_SLOW.reason : foreign;
      if (reason) this.#tell(socket, undefined, reason);
      return;
    }
    const kind = KINDS[error.code ?? ''] ?? MALFORMED;
    inTurn(socket, () => this.#end(socket, foreign ? { ...kind, reason: foreign } : kind));
  };

  /** Answers a connection on which no request came in time. */
  readonly answerSilence = (socket: Socket): void => this.#end(socket, TOO_SLOW);

  /**
   * Answers a request of HTTP/1.1 that does not say which host is meant (RFC 9112, 3.2), and gives
   * whether it was one.
   */
  refuseWithoutHost(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.httpVersion !== '1.1' || request.headers.host !== undefined) return false;
    response.shouldKeepAlive = false;
    response.writeHead(400, [...EMPTY_HEADERS]).end();
    const { socket, url: target = '' } = request;
    const client = toPlainAddress(socket.remoteAddress);
    this.#onBroken({ reason: 'malformed', status: 400, client, request, target });
    return true;
  }

  /** Does nothing if the answer before it was the last one. */
  #end(socket: Socket, { status, reason }: Kind): void {
    if (!socket.writable) return;
    // A connection that is closed has no other end any more.
    this.#tell(socket, Number.parseInt(status, 10), reason);
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n`,
    );
    setTimeout(() => socket.destroy(), BROKEN_LINGER).unref();
  }

  #tell(socket: Socket, status: number | undefined, reason: BrokenReason): void {
    const client = toPlainAddress(socket.remoteAddress);
    const { response, target = '' } = responses.get(socket) ?? {};
    if (response?.req.complete === false) {
      this.#onBroken({ reason, status, client, request: response.req, target });
    } else {
      this.#onBroken({ reason, status, client, request: undefined, target: '' });
    }
  }
}

/** Handles `connect`: there are no tunnels here. */
export function refuseTunnel(_request: IncomingMessage, socket: Socket): void {
  stopFeeding(socket);
  // Node has taken its own listeners away, but may still write answers.
  socket.on('error', () => undefined).on('timeout', () => socket.destroy());
  inTurn(socket, () => socket.destroySoon());
}

/** Calls `act` once the requests that came before are answered. */
function inTurn(socket: Socket, act: () => void): void {
  const last = responses.get(socket)?.response;
  if (last === undefined || last.closed) act();
  else if (last.req.complete || last.writableEnded) last.once('close', act);
  // The rest of the last request itself is broken, so it will never be answered.
  else if (last.socket) act();
  else last.once('socket', act);
}
