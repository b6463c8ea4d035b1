// Feeds node:http one request at a time per connection: the next one when the one before is answered and
// the system has taken the answer. Until then the rest waits, and the client cannot send more. Left to
// itself Node parses and answers everything that it has read at once, and 64 KiB of small requests hold
// up lookups on other connections for a second. Connections on which requests wait take turns, so that
// many such clients cost no more than one.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Held } from './connection-limit.ts';

/** How many connections have their next request taken up in one turn of the event loop. */
const PER_TURN = 8;
/**
 * The most that node:http gets at once, in bytes, except of a body of known length. A piece ends with a
 * head; only Node knows where a chunked body ends, so a few more requests may be taken up behind one.
 */
const PIECE = 4096;
/**
 * After a chunk longer than this, in bytes, a connection waits for its turn too: only bodies and floods
 * are so long.
 */
const LONG_CHUNK = 16 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

const feeds = new WeakMap<Socket, Feed>();

/** To be called with every response that is made, before it is used. */
export function noteResponse(response: ServerResponse): void {
  feeds.get(response.req.socket)?.begin(response);
}

/** Throws away what comes from now on: nobody can make sense of it. */
export function stopFeeding(socket: Socket): void {
  feeds.get(socket)?.release();
  socket.resume();
}

/** A connection that was given to node:http. */
class Feed implements Held {
  readonly socket: Socket;
  /** Looks at the connection since anything came or was answered. */
  looks = 0;
  /** Whether a request has come. */
  hasAsked = false;
  readonly #parse: (chunk: Buffer) => void;
  readonly #onReady: (feed: Feed) => void;
  #newest: ServerResponse | undefined;
  #unanswered = 0;
  /** Bytes of the newest request that are still to come, as far as that is known. */
  #bodyLeft = 0;
  /** Whether it is paused until its turn comes. */
  #isHeld = false;
  #isReleased = false;

  /** `parse` hands a piece to node:http. */
  constructor(socket: Socket, parse: (chunk: Buffer) => void, onReady: (feed: Feed) => void) {
    this.socket = socket;
    this.#parse = parse;
    this.#onReady = onReady;
    socket.on('data', this.take).on('drain', this.#onProgress);
    feeds.set(socket, this);
  }

  /** Whether a request is being answered, or its answer read. */
  get isBusy(): boolean {
    return this.#unanswered > 0 || this.socket.writableLength > 0;
  }

  get isSending(): boolean {
    return this.#isInBody();
  }

  readonly take = (chunk: Buffer): void => {
    this.looks = 0;
    this.#isHeld = false;
    for (let at = 0; at < chunk.length;) {
      if (this.#isReleased) return;
      if (!this.#mayGoOn()) {
        this.#hold(chunk.subarray(at));
        return;
      }
      const end = at + this.#measurePiece(chunk, at);
      const isWhole = at === 0 && end === chunk.length;
      const newest = this.#newest;
      this.#parse(isWhole ? chunk : chunk.subarray(at, end));
      if (this.#newest === newest) this.#bodyLeft -= end - at;
      else this.#bodyLeft = this.#endsHead(chunk, end) ? this.#announced() : 0;
      at = end;
    }
    if (chunk.length > LONG_CHUNK && !this.#isReleased && !this.socket.isPaused()) {
      this.#isHeld = true;
      this.socket.pause();
      this.#onReady(this);
    }
  };

  begin(response: ServerResponse): void {
    this.hasAsked = true;
    this.#newest = response;
    this.#unanswered++;
    response.once('close', () => {
      this.#unanswered--;
      this.looks = 0;
      this.#onProgress();
    });
  }

  /** Hands on what waits. */
  goOn(): void {
    if (!this.#isHeld || this.socket.destroyed) return;
    this.#isHeld = false;
    this.socket.resume();
  }

  release(): void {
    this.#isReleased = true;
    this.socket.off('data', this.take);
  }

  readonly #onProgress = (): void => {
    if (this.#isHeld && this.#mayBegin()) this.#onReady(this);
  };

  #mayBegin(): boolean {
    return this.#unanswered === 0 && !this.socket.writableNeedDrain;
  }

  /** Node itself pauses the socket while it wants no more of a body. */
  #mayGoOn(): boolean {
    return !this.socket.isPaused() && (this.#isInBody() || this.#mayBegin());
  }

  #isInBody(): boolean {
    return this.#newest?.req.complete === false;
  }

  #hold(rest: Buffer): void {
    // If somebody else has paused it, they will resume it.
    if (!this.socket.isPaused()) {
      this.#isHeld = true;
      this.socket.pause();
    }
    this.socket.unshift(rest);
  }

  #endsHead(chunk: Buffer, end: number): boolean {
    return chunk.subarray(Math.max(0, end - HEAD_END.length), end).equals(HEAD_END);
  }

  /** The length of the newest request's body, as announced; node:http refuses what is not a number. */
  #announced(): number {
    return Number(this.#newest?.req.headers['content-length'] ?? 0);
  }

  /** In bytes. */
  #measurePiece(chunk: Buffer, at: number): number {
    const longest = Math.min(PIECE, chunk.length - at);
    if (this.#isInBody()) {
      // Nothing behind the body: that has to wait for the answer.
      return this.#bodyLeft > 0 ? Math.min(this.#bodyLeft, chunk.length - at) : longest;
    }
    const found = chunk.subarray(at, at + longest).indexOf(HEAD_END);
    return found < 0 ? longest : found + HEAD_END.length;
  }
}

/** All connections of a server that were given to node:http. */
export class Feeds {
  readonly #feeds = new Set<Feed>();
  /** Those that may go on, in the order in which they became so. */
  readonly #ready = new Set<Feed>();
  #isTurning = false;

  /**
   * Gives a connection to node:http by `connect`, and feeds it from then on; `first` is what was
   * read of it already.
   */
  take(socket: Socket, connect: () => void, first?: Buffer): void {
    const before = new Set(socket.listeners('data'));
    connect();
    const parse = socket.listeners('data').find((listener) => !before.has(listener));
    // The socket is closed already.
    if (!parse) return;
    socket.off('data', parse as (chunk: Buffer) => void);
    const feed = new Feed(
      socket,
      (chunk) => void Reflect.apply(parse, socket, [chunk]),
      this.#onReady,
    );
    this.#feeds.add(feed);
    socket.once('close', () => {
      this.#feeds.delete(feed);
      this.#ready.delete(feed);
    });
    if (first) feed.take(first);
  }

  [Symbol.iterator](): Iterator<Feed> {
    return this.#feeds.values();
  }

  /** To be called with every look at the connections. */
  check(): void {
    for (const feed of this.#feeds) feed.looks++;
  }

  readonly #onReady = (feed: Feed): void => {
    this.#ready.add(feed);
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(this.#turn);
  };

  readonly #turn = (): void => {
    let left = PER_TURN;
    for (const feed of this.#ready) {
      if (left-- === 0) break;
      this.#ready.delete(feed);
      feed.goOn();
    }
    this.#isTurning = this.#ready.size > 0;
    if (this.#isTurning) setImmediate(this.#turn);
  };
}
