// Asks again and again, at times that are a little apart from one another: of many servers that were
// started together, not all come to the git host in the same second.

/** How far a pause may be from what was asked for, as a part of it. */
const JITTER = 0.1;
/** Timers that are set for longer go off at once. Milliseconds. */
const LONGEST = 2 ** 31 - 1;

export interface PollingOptions {
  /** Between two polls, on average. Milliseconds. */
  readonly every: number;
  /** From 0 to less than 1, as Math.random. */
  readonly random: () => number;
  readonly onPoll: () => void;
}

/** How long to wait for the next poll, in milliseconds: about `every`, as chance has it. */
export function pauseBetweenPolls(every: number, random: () => number): number {
  return Math.min(every * (1 - JITTER + 2 * JITTER * random()), LONGEST);
}

export class Polling {
  readonly #options: PollingOptions;
  #timer: NodeJS.Timeout | undefined;

  /** Polls from now on, first after one pause; never for a pause of 0. */
  constructor(options: PollingOptions) {
    this.#options = options;
    if (options.every > 0) this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const { every, random, onPoll } = this.#options;
    this.#timer = setTimeout(
      () => {
        this.#wait();
        onPoll();
      },
      pauseBetweenPolls(every, random),
    );
  }
}
