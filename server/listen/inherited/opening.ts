// When a server begins to take connections. Where it listens by itself, that is at once: whoever asks too
// early hears so. From an inherited socket it takes none before it has something to answer, as they wait in
// the system's queue without harm; a client that pulls has no time limit. But nobody waits for ever for
// a source that cannot be read.

/** Milliseconds. */
export const LONGEST_WAIT = 60_000;

export class Opening {
  /** Settles when connections are taken; rejects with what prevents that. */
  readonly done: Promise<void>;
  readonly #begin: () => void;
  readonly #timer: NodeJS.Timeout;
  #isCancelled = false;

  /** `open` is called once: at `begin`, or after `limit` milliseconds. */
  constructor(open: () => Promise<void>, limit: number) {
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#begin = begin;
    this.done = begun.then(async () => (this.#isCancelled ? undefined : open()));
    this.done.catch(() => undefined);
    this.#timer = setTimeout(begin, limit);
  }

  begin(): void {
    clearTimeout(this.#timer);
    this.#begin();
  }

  /** Connections are not taken any more, if they were not yet. */
  cancel(): void {
    this.#isCancelled = true;
    this.begin();
  }
}
