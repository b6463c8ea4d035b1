// The memory for bodies of deliveries. Whether a sender knows the secret shows only when the body is
// there, so all bodies together have limited room, and each has limited time. When the room is full, the
// oldest body of the client that holds most of it has to go. That may be an honest one, but a client that
// holds much, or holds it for long, cannot keep others out. Large bodies are read one at a time, and
// clients take turns; while others wait, the one that is being read must come fast.

/** Why a body is not read on. */
export type BodyRefusal = 'too-large' | 'busy' | 'too-slow';

/** Sizes in bytes, times in milliseconds. */
export interface BodyLimits {
  /** Of all bodies. */
  readonly total: number;
  /** Bodies up to this size are read side by side. */
  readonly small: number;
  /** The largest one. */
  readonly large: number;
  /** For a body to come, and for a large one to wait for its turn. */
  readonly time: number;
  /** Of large bodies that wait. */
  readonly waiting: number;
  /** Bytes a second of a large body for which others wait. */
  readonly rate: number;
  /** Between two looks at that rate; the first does not count. */
  readonly interval: number;
}

const MIB = 1024 * 1024;

export const BODY_LIMITS: BodyLimits = {
  total: 64 * MIB,
  /** Deliveries commonly have 10 to 100 KiB. */
  small: MIB,
  /** The most that GitHub sends. */
  large: 25 * MIB,
  /** Forges give up after the same time. */
  time: 10_000,
  waiting: 16,
  /** At this rate 25 MiB come in time. */
  rate: 2.5 * MIB,
  interval: 1_000,
};
/** Memory of a body that begins; it doubles as the body grows. Bytes. */
const FIRST = 4096;

export interface BodyOptions {
  /** Whose it is: the room is shared fairly among clients. */
  readonly client: string;
  /** As announced, in bytes; undefined for a body that says by itself where it ends. */
  readonly length: number | undefined;
  /** Whether its bytes are wanted afterwards; if not, it needs no memory, but still takes turns. */
  readonly isKept: boolean;
  /** Called once, at any time, when the body must not be read on. */
  readonly onRefused: (refusal: BodyRefusal) => void;
  /** The turn of a large body has come; called at most once, also from within `add`. */
  readonly onTurn: () => void;
}

/** A body that is being read. */
export class HeldBody {
  readonly client: string;
  readonly #room: BodyRoom;
  readonly #options: BodyOptions;
  #memory = Buffer.alloc(0);
  #length = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(room: BodyRoom, options: BodyOptions) {
    this.client = options.client;
    this.#room = room;
    this.#options = options;
    this.restartTimer('too-slow');
  }

  /** Bytes of memory. */
  get held(): number {
    return this.#memory.length;
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#length;
  }

  /** What has come, if it is kept. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#options.isKept ? this.#length : 0);
  }

  /** Takes a piece. False if the next one has to wait for `onTurn`, or is not wanted any more. */
  add(piece: Buffer): boolean {
    if (this.#isOver) return false;
    const length = this.#length + piece.length;
    if (length > this.#room.limits.large) {
      this.refuse('too-large');
      return false;
    }
    if (this.#options.isKept) {
      this.#reserve(length);
      if (this.#isOver) return false;
      this.#memory.set(piece, this.#length);
    }
    this.#length = length;
    return this.#room.mayGrow(this);
  }

  refuse(refusal: BodyRefusal): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onRefused(refusal);
  }

  /** Gives back what it holds; to be called when it is read, or will never be. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#room.remove(this);
    this.#memory = Buffer.alloc(0);
  }

  /** Its time begins anew. */
  restartTimer(refusal: BodyRefusal): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refuse(refusal), this.#room.limits.time).unref();
  }

  takeTurn(): void {
    this.restartTimer('too-slow');
    this.#options.onTurn();
  }

  /** Makes room for this many bytes, also for the piece that makes a body large. */
  #reserve(length: number): void {
    if (length <= this.#memory.length) return;
    const { large } = this.#room.limits;
    const most = Math.max(length, this.#options.length ?? large);
    const size = this.#room.hasTurn(this)
      ? // What is not written to takes no memory of the system.
        Math.min(most, large)
      : Math.min(most, Math.max(FIRST, length, 2 * this.#memory.length));
    if (!this.#room.grow(this, size - this.#memory.length)) return;
    const memory = Buffer.allocUnsafeSlow(size);
    memory.set(this.#memory.subarray(0, this.#length));
    this.#memory = memory;
  }
}

export class BodyRoom {
  readonly limits: BodyLimits;
  /** The oldest first. */
  readonly #bodies = new Set<HeldBody>();
  /** Bytes that all bodies hold, except the large one, which has room of its own. */
  #used = 0;
  #large: HeldBody | undefined;
  /** Large ones, in the order in which they came. */
  readonly #waiting = new Set<HeldBody>();
  #looking: NodeJS.Timeout | undefined;

  constructor(limits: BodyLimits = BODY_LIMITS) {
    this.limits = limits;
  }

  /** Bytes of memory that bodies have. */
  get used(): number {
    return this.#used + (this.#large === undefined ? 0 : this.limits.large);
  }

  /** Room for a body. One that is announced as large may not be read before `onTurn`. */
  open(options: BodyOptions): HeldBody {
    const body = new HeldBody(this, options);
    this.#bodies.add(body);
    return body;
  }

  /** Whether the body, of which so much is there or announced, may come on. */
  mayGrow(body: HeldBody, length = body.length): boolean {
    if (length <= this.limits.small || this.hasTurn(body)) return true;
    if (!this.#waiting.has(body)) this.#enqueue(body);
    return this.hasTurn(body);
  }

  hasTurn(body: HeldBody): boolean {
    return this.#large === body;
  }

  /** Counts memory of a body; false if the body itself had to go. */
  grow(body: HeldBody, size: number): boolean {
    if (this.hasTurn(body)) return true;
    this.#used += size;
    while (this.#used > this.limits.total - this.limits.large) {
      const victim = this.#findVictim();
      if (victim === body) {
        this.#used -= size;
        body.refuse('busy');
        return false;
      }
      victim?.refuse('busy');
    }
    return true;
  }

  remove(body: HeldBody): void {
    this.#bodies.delete(body);
    this.#waiting.delete(body);
    if (!this.hasTurn(body)) {
      this.#used -= body.held;
      return;
    }
    this.#large = undefined;
    this.#pass(body.client);
  }

  /** The oldest body of the client that holds most. */
  #findVictim(): HeldBody | undefined {
    const held = new Map<string, number>();
    let [most, whose] = [-1, ''];
    for (const body of this.#bodies) {
      if (this.hasTurn(body)) continue;
      const size = (held.get(body.client) ?? 0) + body.held;
      held.set(body.client, size);
      if (size > most) [most, whose] = [size, body.client];
    }
    for (const body of this.#bodies) {
      if (body.client === whose && !this.hasTurn(body)) return body;
    }
    return undefined;
  }

  #enqueue(body: HeldBody): void {
    body.restartTimer('busy');
    this.#waiting.add(body);
    if (this.#large === undefined) this.#pass(undefined);
    else if (this.#waiting.size > this.limits.waiting) this.#findCrowd()?.refuse('busy');
    this.#look();
  }

  /** The newest that waits of the client of which most wait. */
  #findCrowd(): HeldBody | undefined {
    const counts = new Map<string, number>();
    for (const { client } of this.#waiting) counts.set(client, (counts.get(client) ?? 0) + 1);
    const most = Math.max(...counts.values());
    return [...this.#waiting].findLast(({ client }) => counts.get(client) === most);
  }

  /** Gives the turn to a body that waits, of another client than the last one if there is any. */
  #pass(last: string | undefined): void {
    const waiting = [...this.#waiting];
    const next = waiting.find(({ client }) => client !== last) ?? waiting[0];
    if (!next) return;
    this.#waiting.delete(next);
    this.#used -= next.held;
    this.#large = next;
    next.takeTurn();
  }

  /** While any body waits, checks now and then whether the large one comes fast enough. */
  #look(): void {
    if (this.#looking !== undefined || this.#waiting.size === 0) return;
    let seen: { readonly body: HeldBody; readonly length: number } | undefined;
    this.#looking = setInterval(() => {
      const body = this.#large;
      const least = (this.limits.rate * this.limits.interval) / 1000;
      if (body && body === seen?.body && body.length - seen.length < least) body.refuse('too-slow');
      seen = this.#large && { body: this.#large, length: this.#large.length };
      if (this.#waiting.size > 0) return;
      clearInterval(this.#looking);
      this.#looking = undefined;
    }, this.limits.interval).unref();
  }
}
