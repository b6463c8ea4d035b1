// When files without a verdict are judged again: soon if there are more of them than before, then after
// longer and longer pauses while nothing comes of it. They get at most half of the time.

/** The first pause, which doubles each time, and the longest. Milliseconds. */
const FIRST_PAUSE = 60_000;
const LONGEST_PAUSE = 3_600_000;

/** The result of a pass over them. */
export interface UndecidedPass {
  /** Whether any of them is decided now. */
  readonly hasProgress: boolean;
  /** Whether all of them had their turn. */
  readonly isWhole: boolean;
}

export class UndecidedPace {
  readonly #elapsed: () => number;
  #dueAt = -Infinity;
  #pause = FIRST_PAUSE;
  #count = 0;

  /** `elapsed` is a clock that never jumps, in milliseconds. */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  isDue(): boolean {
    return this.#elapsed() >= this.#dueAt;
  }

  /** To be called with their number whenever it may have changed. */
  note(count: number): void {
    if (count > this.#count) {
      this.#dueAt = -Infinity;
      this.#pause = FIRST_PAUSE;
    }
    this.#count = count;
  }

  /** Runs a pass and plans the next one; a pass gives `undefined` if it could not run. */
  async time(pass: () => Promise<UndecidedPass | undefined>): Promise<void> {
    const startedAt = this.#elapsed();
    this.#dueAt = startedAt + FIRST_PAUSE;
    const done = await pass();
    if (!done) return;
    const { hasProgress, isWhole } = done;
    const took = this.#elapsed() - startedAt;
    this.#dueAt = this.#elapsed() + (isWhole ? Math.max(this.#pause, took) : took);
    if (hasProgress) this.#pause = FIRST_PAUSE;
    else if (isWhole) this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }
}
