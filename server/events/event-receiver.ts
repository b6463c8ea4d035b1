// Delivers events to one address, one after another: tried again with growing pauses until it takes them,
// while newer ones wait in a bounded queue. What is dropped is counted, and told with the next event that
// is delivered. Nothing of the address but its origin is shown: paths and passwords are secrets often.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Troubles } from '../troubles/troubles.ts';
import { type MadeEvent, tellDropped } from './cloud-event.ts';
import type { EventCounts } from './event-counts.ts';
import { EventQueue, type QueueLimits } from './event-queue.ts';
import { type DeliveryResult, postEvent } from './post-event.ts';
import { type WebhookSecret, signWebhook } from './webhook-signature.ts';

/** Milliseconds. */
export interface DeliveryPace {
  /** Before the second try of an event. It doubles with each that fails in a row. */
  readonly firstPause: number;
  readonly longestPause: number;
  /** For one try. */
  readonly timeout: number;
  /** What is older is no news any more. */
  readonly longestLife: number;
}

export interface EventReceiverOptions {
  readonly url: URL;
  /** Signs nothing where there are none. */
  readonly secrets: () => readonly WebhookSecret[];
  readonly counts: EventCounts;
  readonly troubles: Pick<Troubles, 'raise' | 'clear'>;
  readonly log: ProgramLog;
  readonly now: () => Date;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  readonly userAgent: string;
  readonly limits?: QueueLimits;
  readonly pace?: DeliveryPace;
}

interface Waiting extends MadeEvent {
  /** When it was made, by the clock that never jumps. */
  readonly since: number;
}

const LIMITS: QueueLimits = { events: 1000, bytes: 4 * 1024 * 1024 };
const PACE: DeliveryPace = {
  firstPause: 1000,
  longestPause: 300_000,
  timeout: 10_000,
  longestLife: 24 * 3_600_000,
};
/** Tries of an event that a receiver refuses for what it is. */
const MOST_REFUSALS = 3;
/** Failures in a row that operators need not hear of: receivers are restarted. */
const QUIET_FAILURES = 2;
/** Of the pause that is drawn by lot, so that replicas do not come together. */
const JITTER = 0.5;
const CONTENT_TYPE = 'application/cloudevents+json; charset=UTF-8';

export class EventReceiver {
  readonly #options: EventReceiverOptions;
  readonly #pace: DeliveryPace;
  readonly #queue: EventQueue<Waiting>;
  /** Ends a pause. */
  readonly #resting = new AbortController();
  /** Ends a try. */
  readonly #ending = new AbortController();
  #current: Waiting | undefined;
  #working: Promise<void> | undefined;
  #isClosing = false;
  /** In a row. */
  #failures = 0;
  /** Whether operators are told that events do not get through. */
  #isTold = false;
  /** Dropped, and not told yet. */
  #dropped = 0;
  /** Dropped since an event was delivered last. */
  #droppedInTrouble = 0;

  constructor(options: EventReceiverOptions) {
    this.#options = options;
    this.#pace = options.pace ?? PACE;
    this.#queue = new EventQueue(options.limits ?? LIMITS);
  }

  /** Events that wait, with the one that is being delivered. */
  get waiting(): number {
    return this.#queue.length + (this.#current ? 1 : 0);
  }

  /** Takes an event for delivery; never throws, and never waits. */
  offer(event: MadeEvent): void {
    const dropped = this.#queue.push({ ...event, since: this.#options.elapsed() });
    for (const item of dropped) this.#drop(item);
    if (dropped.length > 0) this.#tell('more events come than it takes');
    if (this.#queue.length > 0) this.#working ??= this.#work();
  }

  /** Tries once more to deliver what waits, for so many milliseconds at most; the rest is dropped. */
  async close(patience: number): Promise<void> {
    this.#isClosing = true;
    this.#resting.abort();
    const timer = setTimeout(() => this.#ending.abort(), patience);
    await this.#working;
    clearTimeout(timer);
    if (this.#droppedInTrouble === 0) return;
    const { url, log } = this.#options;
    log.error(
      { receiver: url.origin, events: this.#droppedInTrouble },
      'events were not delivered before the stop',
    );
  }

  async #work(): Promise<void> {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      this.#current = next;
      await this.#deliver(next);
    }
    this.#current = undefined;
    // In the same step as the check above, or an event might wait for work that has ended.
    this.#working = undefined;
  }

  /** Ends when the event is delivered, or dropped. */
  async #deliver(event: Waiting): Promise<void> {
    const dropped = this.#dropped;
    this.#dropped = 0;
    // The same for each try.
    const body = tellDropped(event.text, dropped);
    let refusals = 0;
    for (;;) {
      const delivery = await this.#try(event, body);
      if (delivery.isTaken) {
        this.#succeed(event);
        return;
      }
      if (delivery.isRefused) refusals++;
      this.#failures++;
      this.#options.counts.add(event.kind, 'failed');
      if (this.#isHopeless(event, delivery, refusals)) {
        this.#drop(event);
        this.#dropped += dropped;
        this.#tell(delivery.reason);
        if (delivery.retryAfter !== undefined) await this.#rest(delivery);
        return;
      }
      if (this.#failures > QUIET_FAILURES) this.#tell(delivery.reason);
      await this.#rest(delivery);
    }
  }

  async #try({ id }: Waiting, body: string): Promise<DeliveryResult> {
    const { url, secrets, now, userAgent } = this.#options;
    const at = now().getTime();
    const headers = {
      'content-type': CONTENT_TYPE,
      'user-agent': userAgent,
      ...signWebhook(secrets(), id, at, body),
    };
    const { timeout } = this.#pace;
    return postEvent({ url, headers, body, signal: this.#ending.signal, timeout, now: at });
  }

  #isHopeless(
    { since }: Waiting,
    { isRefused, retryAfter }: Exclude<DeliveryResult, { readonly isTaken: true }>,
    refusals: number,
  ): boolean {
    const isOld = this.#options.elapsed() - since > this.#pace.longestLife;
    const isTooOften = isRefused && (refusals >= MOST_REFUSALS || retryAfter !== undefined);
    return isOld || isTooOften || this.#isClosing;
  }

  async #rest({ retryAfter }: { readonly retryAfter: number | undefined }): Promise<void> {
    if (this.#isClosing) return;
    const { firstPause, longestPause } = this.#pace;
    const doubled = Math.min(firstPause * 2 ** (this.#failures - 1), longestPause);
    const pause = retryAfter ?? doubled * (1 - JITTER * Math.random());
    const { signal } = this.#resting;
    await sleep(pause, undefined, { ref: false, signal }).catch(() => undefined);
  }

  #succeed({ kind }: Waiting): void {
    const { counts, troubles, log, url } = this.#options;
    counts.add(kind, 'delivered');
    const dropped = this.#droppedInTrouble;
    this.#failures = 0;
    this.#droppedInTrouble = 0;
    if (!this.#isTold) return;
    this.#isTold = false;
    log.info({ receiver: url.origin, dropped }, 'events are delivered again');
    troubles.clear('events', this.#part);
  }

  #drop({ kind }: Waiting): void {
    this.#dropped++;
    this.#droppedInTrouble++;
    this.#options.counts.add(kind, 'dropped');
  }

  /** Tells operators; the log once, until an event is delivered. */
  #tell(reason: string): void {
    const { troubles, log, url } = this.#options;
    const dropped = this.#droppedInTrouble;
    const what = `events cannot be delivered to ${url.origin}: ${reason}`;
    const counts = `${this.waiting} wait, ${dropped} were dropped`;
    if (!this.#isTold) log.warn({ receiver: url.origin, waiting: this.waiting, dropped }, what);
    this.#isTold = true;
    troubles.raise('events', { message: `${what}; ${counts}`, hint: HINT }, this.#part);
  }

  /** Among several addresses, of which two may have the same origin. */
  get #part(): string {
    return this.#options.url.href;
  }
}

const HINT = 'check --notify-url, --notify-secret-file, and the log of the receiver';
