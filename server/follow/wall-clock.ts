// The clock on the wall, watched. It is compared with one that only ever goes on: where they part,
// somebody has set the clock, or the machine has slept. And somebody is told regularly that time has
// gone by, whatever the next thing is that it brings: a timer for that moment would be wrong as soon as
// the clock is set, and cannot be longer than 24 days.

/** Between two looks. Milliseconds. */
const INTERVAL = 1000;
/** More than clocks are corrected by in passing, and than a busy process is late. Milliseconds. */
const JUMP = 5000;

export interface WallClockOptions {
  /** Gives the time of day. */
  readonly now: () => Date;
  /** Gives a number of milliseconds that only grows. */
  readonly elapsed: () => number;
  /** Called at each look that finds no jump. */
  readonly onTick: () => void;
  /**
   * Called when the clock was set: by so many milliseconds, ahead if positive, at some time after
   * `since`, as `elapsed` gives it.
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
