// The signals that a server hears, from the first moment to the last: unheard, they would end the
// process.
import { STOPS } from '../inputs/open-source.ts';
import type { ProcessIo } from '../base/process-io.ts';

/** A signal to stop came before all was there. */
export class StoppedAtStart extends Error {
  override readonly name = 'StoppedAtStart';
}

type StopSignal = (typeof STOPS)[number];

export class ServeSignals {
  /** The first signal to stop. */
  readonly stopped: Promise<StopSignal>;
  readonly #stoppedAtStart: Promise<never>;
  #onImpatience: ((signal: StopSignal) => void) | undefined;
  #onReload: (() => void) | undefined;
  #isReloadWanted = false;

  constructor(signals: ProcessIo['signals']) {
    signals.on('SIGHUP', () => this.#wantReload());
    this.stopped = new Promise((resolve) => {
      let isStopping = false;
      for (const name of STOPS) {
        signals.on(name, () => {
          if (isStopping) this.#onImpatience?.(name);
          isStopping = true;
          resolve(name);
        });
      }
    });
    this.#stoppedAtStart = this.stopped.then((): never => {
      throw new StoppedAtStart();
    });
    this.#stoppedAtStart.catch(() => undefined);
  }

  /** Calls back at each signal to stop but the first. */
  onImpatience(callback: ((signal: StopSignal) => void) | undefined): void {
    this.#onImpatience = callback;
  }

  /** Calls back at each SIGHUP; at once if there was one. */
  onReload(callback: () => void): void {
    this.#onReload = callback;
    if (this.#isReloadWanted) callback();
  }

  /**
   * What a step gives, unless a signal to stop comes first, which is thrown as `StoppedAtStart`: what
   * hangs, as a git or a disk, does not keep a stop waiting.
   */
  async orStopped<Result>(step: Promise<Result>): Promise<Result> {
    return Promise.race([step, this.#stoppedAtStart]);
  }

  #wantReload(): void {
    this.#isReloadWanted = true;
    this.#onReload?.();
  }
}
