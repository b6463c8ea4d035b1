// Bodies that nobody reads. A small one of known length is read and thrown away, so that the connection
// can be used again. Behind any other the connection ends with the answer, which says so
// (`Connection: close`). What still comes is thrown away for a while: closing at once would reset the
// connection, and a client that is still sending would lose the answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { stopFeeding } from './feeds.ts';

/** Bytes that are cheaper to read than a new connection. */
const SMALL = 64 * 1024;
/** How long a client has to notice the answer and stop sending. Milliseconds. */
const LINGER = 2_000;
/**
 * Connections that are being closed take turns, one every this many milliseconds; each turn reads 64 to
 * 128 KiB. So one client can send 25 MiB in time, as some read the answer only when all is sent, while
 * many clients together cost lookups little.
 */
const DRAIN_EVERY = 2;

/** Responses whose client waits for `100 Continue` before it sends the body. */
const expecting = new WeakSet<ServerResponse>();

/** Notes that a client waits for `100 Continue`; nobody tells it to go on yet. */
export function noteExpectation(response: ServerResponse): void {
  expecting.add(response);
}

/**
 * To be called before a body is read. Says Continue to a client that waits for it; node:http keeps
 * that until the answers to other requests are sent.
 */
export function askForBody(response: ServerResponse): void {
  if (expecting.delete(response)) response.writeContinue();
}

/** To be called with every response that is made, before it is used. */
export function watchBody(response: ServerResponse): void {
  if (!hasBody(response.req)) return;
  const writeHead = response.writeHead.bind(response);
  // On the object itself, as Express gives responses another prototype.
  Object.assign(response, {
    writeHead: (...parameters: unknown[]): unknown => {
      endBehindUnread(response);
      return Reflect.apply(writeHead, undefined, parameters);
    },
  });
}

function endBehindUnread(response: ServerResponse): void {
  const { req: request } = response;
  if (request.complete) return;
  const isSmall = Number(request.headers['content-length'] ?? Infinity) <= SMALL;
  if (!isSmall || expecting.has(response)) response.shouldKeepAlive = false;
  lingerWhenClosed(request.socket, request);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The newest request of a connection whose body was not there when it was answered. */
const unread = new WeakMap<Socket, IncomingMessage>();

/** Node closes a connection by `destroySoon` when its last answer is sent. */
function lingerWhenClosed(socket: Socket, request: IncomingMessage): void {
  const isWatched = unread.has(socket);
  unread.set(socket, request);
  // Once per connection, however many requests come on it.
  if (isWatched) return;
  const destroySoon = socket.destroySoon.bind(socket);
  Object.assign(socket, {
    destroySoon: () => {
      if (unread.get(socket)?.complete === false) linger(socket);
      else destroySoon();
    },
  });
}

/** Throws away what comes on connections that are closed, one after the other. */
class Drain {
  readonly #paused = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;

  add(socket: Socket): void {
    socket.on('data', () => {
      socket.pause();
      this.#paused.add(socket);
      this.#timer ??= setInterval(this.#next, DRAIN_EVERY).unref();
    });
    socket.once('close', () => this.#paused.delete(socket));
  }

  readonly #next = (): void => {
    const [socket] = this.#paused;
    if (socket) {
      this.#paused.delete(socket);
      socket.resume();
    } else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  };
}

const drain = new Drain();

function linger(socket: Socket): void {
  stopFeeding(socket);
  drain.add(socket);
  socket.end();
  setTimeout(() => socket.destroy(), LINGER).unref();
}
