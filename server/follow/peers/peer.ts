// One peer: at most one delivery is on its way to it, and at most one waits, the newest. All that any of
// them says is "look again", so that the newest does for all before it.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../generator/terms/errors.ts';
import type { KeptDelivery } from '../webhook/kept-delivery.ts';

/** What can become of a delivery to a peer. */
export type PeerResult = 'delivered' | 'failed' | 'refused' | 'replaced' | 'skipped' | 'unresolved';

/** Times in milliseconds. */
export interface PeerTimes {
  /** For one try, from the connection to the answer. */
  readonly patience: number;
  /** Before each further try. */
  readonly pauses: readonly number[];
}

export interface PeerOptions extends PeerTimes {
  /** Posts once, and gives the status of the answer. */
  readonly post: (delivery: KeptDelivery, signal: AbortSignal) => Promise<number>;
  /** Called with what became of each delivery, and why if it was not delivered. */
  readonly onResult: (result: PeerResult, why: string) => void;
  /** Called when nothing is left to do. */
  readonly onIdle: () => void;
}

/** Answers of a server that may give another one soon. */
const BUSY = new Set([408, 425, 429]);

export class Peer {
  readonly #options: PeerOptions;
  #waiting: KeptDelivery | undefined;
  #sending: KeptDelivery | undefined;
  #attempt: AbortController | undefined;
  #isWorking = false;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** Delivers it, in place of one that waits. */
  give(delivery: KeptDelivery): void {
    if (this.#waiting) this.#options.onResult('replaced', '');
    this.#waiting = delivery;
    if (!this.#isWorking) void this.#work();
  }

  /** Whether this delivery is on its way, or waits. */
  holds(delivery: KeptDelivery): boolean {
    return this.#sending === delivery || this.#waiting === delivery;
  }

  /** Gives up a delivery, or whatever there is. */
  giveUp(why: string, delivery?: KeptDelivery): void {
    if (this.#waiting && (delivery ?? this.#waiting) === this.#waiting) {
      this.#waiting = undefined;
      this.#options.onResult('failed', why);
    }
    if (delivery === undefined || delivery === this.#sending) {
      this.#attempt?.abort(new GivenUp(why));
    }
  }

  async #work(): Promise<void> {
    const { onResult, onIdle, pauses } = this.#options;
    this.#isWorking = true;
    // Tries count for the peer: with many pushes each try would else be the first of another one.
    for (let tries = 1; this.#waiting; tries++) {
      const delivery = this.#waiting;
      this.#waiting = undefined;
      const { result, why, isFinal } = await this.#try(delivery);
      const pause = pauses[tries - 1];
      if (isFinal || pause === undefined) {
        onResult(result, why);
        tries = 0;
        continue;
      }
      if (this.#waiting) onResult('replaced', '');
      this.#waiting ??= delivery;
      await sleep(pause, undefined, { ref: false });
    }
    this.#isWorking = false;
    onIdle();
  }

  async #try(delivery: KeptDelivery): Promise<Outcome> {
    const { patience, post } = this.#options;
    const attempt = new AbortController();
    const late = new Error(`no answer within ${patience / 1000} s`);
    const timer = setTimeout(() => attempt.abort(late), patience);
    this.#attempt = attempt;
    this.#sending = delivery;
    try {
      return judgeAnswer(await post(delivery, attempt.signal));
    } catch (error) {
      const reason: unknown = attempt.signal.aborted ? attempt.signal.reason : error;
      const isFinal = reason instanceof GivenUp;
      return { result: 'failed', why: messageOf(reason), isFinal };
    } finally {
      clearTimeout(timer);
      this.#attempt = undefined;
      this.#sending = undefined;
    }
  }
}

/** How one try went. */
interface Outcome {
  readonly result: PeerResult;
  readonly why: string;
  /** Whether another try would be in vain. */
  readonly isFinal: boolean;
}

/** Why a try was cut short that shall not be repeated. */
class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

function judgeAnswer(status: number): Outcome {
  if (status >= 200 && status < 300) return { result: 'delivered', why: '', isFinal: true };
  const why = `it answered with ${status}`;
  if (status >= 500 || BUSY.has(status)) return { result: 'failed', why, isFinal: false };
  return { result: 'refused', why, isFinal: true };
}
