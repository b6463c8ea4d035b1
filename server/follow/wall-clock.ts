// Watches the time of day by comparing it with a clock that never jumps: where they part, somebody has
// set the time, or the machine has slept. It also ticks regularly, for whatever becomes due by the time
// of day: a timer for that moment would be wrong once the clock is set, and cannot exceed 24 days.

/** Between two looks. Milliseconds. */
const INTERVAL = 1000;
/** More than time synchronisation corrects at once, and than a busy process is late. Milliseconds. */
const JUMP = 5000;

export interface WallClockOptions {
  /** Gives the time of day. */
  readonly now: () => Date;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  /** Called at each look that finds no jump. */
  readonly onTick: () => void;
  /**
   * Called when the clock was set: by how many milliseconds, ahead if positive, and `since`, the time
   * of the look before that by `elapsed`.
   */
  readonly onJump: (milliseconds: number, since: number) => void;
}

export class WallClock {
  readonly #options: WallClockOptions;
  #lookedAt: number;
  /** How far the two clocks are apart. */
  #distance: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WallClockOptions) {
    this.#options = options;
    this.#lookedAt = options.elapsed();
    this.#distance = options.now().getTime() - this.#lookedAt;
  }

  /** Looks at the clock regularly from now on. */
  start(): void {
    this.#timer = setInterval(() => this.look(), INTERVAL);
  }

  /** Looks at the clock once. */
  look(): void {
    const { now, elapsed, onTick, onJump } = this.#options;
    const since = this.#lookedAt;
    const before = this.#distance;
    this.#lookedAt = elapsed();
    this.#distance = now().getTime() - this.#lookedAt;
    const jump = this.#distance - before;
    if (Math.abs(jump) >= JUMP) onJump(jump, since);
    else onTick();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
