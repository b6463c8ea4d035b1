/**
 * Watches what a program and its children are resident with, and ends them before they take the
 * machine of the test down with them.
 */
import { listTree, readResident } from '../../../scripts/bench/process/proc.ts';

/** Milliseconds. */
const LOOK_EVERY = 50;

export class MemoryGuard {
  readonly #limit: number;
  readonly #pid: () => number | undefined;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;
  #overrun: number | undefined;

  /** Watches the process that `pid` names at the time. `limit` in bytes, all children together. */
  constructor(pid: () => number | undefined, limit: number) {
    this.#pid = pid;
    this.#limit = limit;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY).unref();
  }

  /** What was taken when it was ended for too much, since the last `take`. Bytes. */
  get overrun(): number | undefined {
    return this.#overrun;
  }

  /** The most bytes since the last call; and what was taken when it was ended for too much. */
  take(): { readonly peak: number; readonly overrun: number | undefined } {
    this.#look();
    const taken = { peak: this.#peak, overrun: this.#overrun };
    this.#peak = 0;
    this.#overrun = undefined;
    return taken;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const pid = this.#pid();
    if (pid === undefined) return;
    const resident = readResident(pid);
    this.#peak = Math.max(this.#peak, resident);
    if (resident <= this.#limit) return;
    this.#overrun = resident;
    for (const each of listTree(pid).toReversed()) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  }
}
