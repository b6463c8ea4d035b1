// What comes on a connection reaches node:http one request at a time, each when the one before is
// answered and the answer taken by the system; what comes meanwhile stays where it is, and the
// client is kept from sending more. Node alone parses and answers all that it has read at once:
// 64 KiB of small requests hold up lookups on other connections for a second.
// Connections on which requests wait take turns, so that many such clients cost no more than one.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections whose next request is taken up in one turn of the event loop. */
const PER_TURN = 8;
/**
 * The most that node:http gets at once, in bytes. A head alone ends its piece; where a body ends
 * only Node knows, so behind one a few more requests may be taken up.
 */
const PIECE = 4096;
const HEAD_END = '\r\n\r\n';

const feeds = new WeakMap<Socket, Feed>();

/** To be called with every response that is made, before it is used. */
export function noteResponse(response: ServerResponse): void {
  feeds.get(response.req.socket)?.begin(response);
}

/** What comes from now on is thrown away: nobody can make anything of it. */
export function stopFeeding(socket: Socket): void {
  feeds.get(socket)?.release();
  socket.resume();
}

/** A connection that node:http has. */
export class Feed {
  readonly socket: Socket;
  /** Looks at the connection since anything came or was answered. */
  looks = 0;
  /** Whether a request has come. */
  hasAsked = false;
  readonly #parse: (chunk: Buffer) => void;
  readonly #onReady: (feed: Feed) => void;
  #newest: ServerResponse | undefined;
  #unanswered = 0;
  /** Something waits here for an answer to be sent. */
  #isHeld = false;
  #isReleased = false;

  /** `parse` takes what comes to node:http. */
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

  readonly take = (chunk: Buffer): void => {
    this.looks = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.#isReleased) return;
      if (!this.#mayGoOn()) {
        this.#hold(chunk.subarray(at));
        return;
      }
      const end = at + this.#measurePiece(chunk, at);
      this.#parse(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
      at = end;
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

  /** Node pauses the socket where it wants no more of a body. */
  #mayGoOn(): boolean {
    return !this.socket.isPaused() && (this.#isInBody() || this.#mayBegin());
  }

  #isInBody(): boolean {
    return this.#newest?.req.complete === false;
  }

  #hold(rest: Buffer): void {
    // Where it is paused already, whoever did it resumes it.
    if (!this.socket.isPaused()) {
      this.#isHeld = true;
      this.socket.pause();
    }
    this.socket.unshift(rest);
  }

  /** In bytes. */
  #measurePiece(chunk: Buffer, at: number): number {
    const longest = Math.min(PIECE, chunk.length - at);
    if (this.#isInBody()) return longest;
    const found = chunk.subarray(at, at + longest).indexOf(HEAD_END, 0, 'latin1');
    return found < 0 ? longest : found + HEAD_END.length;
  }
}

/** All connections of a server that node:http has. */
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
    const [parse] = socket.listeners('data').filter((listener) => !before.has(listener));
    // A socket that is closed already.
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
