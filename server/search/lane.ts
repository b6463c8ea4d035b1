// Work that takes turns, so that many readers cost no more than one at a time.

/** Too many searches are waiting for their turn. */
export class TooBusyError extends Error {}

/** Work that waits for its turn or has had it. */
export interface Turn<Value> {
  readonly answer: Promise<Value>;
  /** Gives the turn up; false if the work has begun. */
  readonly drop: () => boolean;
}

/** One at a time runs, and a few wait. */
export class Lane {
  readonly #mostWaiting: number;
  readonly #waiting = new Set<() => Promise<void>>();
  #isRunning = false;

  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting;
  }

  /** @throws TooBusyError if no more may wait. */
  take<Value>(work: () => Promise<Value>): Turn<Value> {
    if (this.#waiting.size >= this.#mostWaiting) throw new TooBusyError('too many searches wait');
    let drop: (() => boolean) | undefined;
    const answer = new Promise<Value>((resolve, reject) => {
      const job = async (): Promise<void> => {
        try {
          resolve(await work());
        } catch (error) {
          // Whatever the work does, those behind it have their turn.
          reject(error);
        }
      };
      this.#waiting.add(job);
      drop = () => {
        const isDropped = this.#waiting.delete(job);
        if (isDropped) reject(new Error('nobody waits for this search'));
        return isDropped;
      };
    });
    if (!this.#isRunning) void this.#run();
    return { answer, drop: () => drop?.() ?? false };
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (const job of this.#waiting) {
      this.#waiting.delete(job);
      await job();
    }
    this.#isRunning = false;
  }
}
