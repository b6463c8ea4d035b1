/**
 * Says which of the clients' answers count as faults. A lookup may go unanswered only while the
 * test itself has the server down, and be late only while the test has it stopped.
 */
import type { Seen, SteadyLookups } from '../../kit/program/steady-lookups.ts';

/** An answer that takes longer is a fault. Milliseconds. */
const SLOWEST_ALLOWED = 4_000;
/** What a window is not exact to: requests wait in queues of the kernel. Milliseconds. */
const SLACK = 250;
/** After a stop, answers that have waited come within. Milliseconds. */
const CATCH_UP = 2_000;
const SHOWN = 3;

interface Window {
  readonly kind: 'down' | 'stopped';
  readonly from: number;
  to: number;
}

export class Watch {
  readonly #lookups: SteadyLookups;
  readonly #windows: Window[] = [];
  #right = 0;
  #slowest = 0;

  constructor(lookups: SteadyLookups) {
    this.#lookups = lookups;
  }

  /** Right answers so far, and the slowest of them that no stop excuses. */
  get figures(): { readonly right: number; readonly slowest: number } {
    return { right: this.#right, slowest: this.#slowest };
  }

  /** Excuses what happens while an action runs. */
  async during<T>(kind: Window['kind'], action: () => Promise<T>): Promise<T> {
    const window = { kind, from: Date.now() - SLACK, to: Infinity };
    this.#windows.push(window);
    try {
      return await action();
    } finally {
      window.to = Date.now() + (kind === 'stopped' ? CATCH_UP : SLACK);
    }
  }

  /** Forgets what the clients have seen so far. */
  async forget(): Promise<void> {
    await this.#lookups.take();
  }

  /** Throws if the clients have seen a fault since the last time. */
  async judge(): Promise<void> {
    const seen = await this.#lookups.take();
    this.#right += seen.right;
    const faults = [...this.#wrongOf(seen), ...this.#slowOf(seen)];
    if (faults.length === 0) return;
    const more = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : [];
    throw new Error([...faults.slice(0, SHOWN), ...more].join('\n'));
  }

  #wrongOf({ wrong }: Seen): readonly string[] {
    return wrong
      .filter(({ what, isUnanswered, from, to }) => {
        // Until it serves again it says so.
        const isExcusable = isUnanswered || what === '503';
        return !(isExcusable && this.#overlaps('down', from, to));
      })
      .map(
        ({ location, what, from, to }) => `${what} after ${Math.round(to - from)} ms: ${location}`,
      );
  }

  #slowOf({ slow }: Seen): readonly string[] {
    const late = slow.filter(
      ({ from, to }) => !this.#overlaps('stopped', from, to) && !this.#overlaps('down', from, to),
    );
    for (const { from, to } of late) this.#slowest = Math.max(this.#slowest, to - from);
    return late
      .filter(({ from, to }) => to - from > SLOWEST_ALLOWED)
      .map(
        ({ location, from, to }) => `answered only after ${Math.round(to - from)} ms: ${location}`,
      );
  }

  #overlaps(kind: Window['kind'], from: number, to: number): boolean {
    return this.#windows.some(
      (window) => window.kind === kind && window.from <= to && from <= window.to,
    );
  }
}
