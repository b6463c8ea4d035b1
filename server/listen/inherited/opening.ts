// When a server begins to take connections. Where it listens by itself, that is at once: whoever asks too
// early hears so. From an inherited socket it takes none before it has something to answer, as they wait in
// the system's queue without harm; a client that pulls has no time limit. But nobody waits for ever for
// a source that cannot be read.
import { EventEmitter, once } from 'node:events';

/** Milliseconds. */
export const LONGEST_WAIT = 60_000;

export class Opening {
  /** Settles when connections are taken; rejects with what prevents that. */
  readonly done: Promise<void>;
  readonly #events = new EventEmitter();
  readonly #timer: NodeJS.Timeout;
  #isCancelled = false;

  /** `open` is called once: at `begin`, or after `limit` milliseconds. */
  constructor(open: () => Promise<void>, limit: number) {
    this.done = once(this.#events, 'begin').then(async () =>
      this.#isCancelled ? undefined : open(),
    );
    this.done.catch(() => undefined);
    this.#timer = setTimeout(() => this.begin(), limit);
  }

  begin(): void {
    clearTimeout(this.#timer);
    this.#events.emit('begin');
  }

  /** Connections are not taken any more, if they were not yet. */
  cancel(): void {
    this.#isCancelled = true;
    this.begin();
  }
}
