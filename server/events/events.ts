// What other programs are told: each publication, to the audit log and to receivers, and missing
// signatures, to receivers. Nothing here is waited for by lookups, and refreshes wait for no receiver.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reason } from '../../generator/explain/reason.ts';
import type { StateOrigin } from '../../generator/sources/source.ts';
import type { Failures } from '../troubles/failures.ts';
import type { AuditLog } from './audit-log.ts';
import {
  type EventOrigin,
  type MadeEvent,
  type MissingImage,
  makePublishedEvent,
  makeRefusedEvent,
} from './cloud-event.ts';
import type { EventCounts } from './event-counts.ts';
import type { Publication } from './publication.ts';
import type { EventReceiver } from './event-receiver.ts';

export interface EventsOptions {
  readonly origin: EventOrigin;
  readonly receivers: readonly EventReceiver[];
  readonly counts: EventCounts;
  /** Undefined for none. */
  readonly auditLog: AuditLog | undefined;
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
}

/** What noting a state may wait for its line in the audit log. Milliseconds. */
const AUDIT_PATIENCE = 1000;
/** The same of a stop: what git says of a commit, and then the receivers and the log. Milliseconds. */
const GIT_PATIENCE = 1000;
const STOP_PATIENCE = 2000;

export class Events {
  readonly #options: EventsOptions;
  /** One publication after another: git says who made it. */
  #publishing: Promise<void> = Promise.resolve();
  #commit: string | null = null;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** Whether anybody is told of missing signatures. */
  get hasReceivers(): boolean {
    return this.#options.receivers.length > 0;
  }

  get counts(): EventCounts {
    return this.#options.counts;
  }

  /** Events that wait, at all receivers together. */
  get waiting(): number {
    return this.#options.receivers.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  get audited(): AuditLog['counts'] | undefined {
    return this.#options.auditLog?.counts;
  }

  /** Tells what was published; `findOrigin` says who made the commit, and never rejects. */
  publish(publication: Publication, findOrigin: () => Promise<StateOrigin>): void {
    this.#commit = publication.generation.commit;
    this.#publishing = this.#publishAfter(this.#publishing, publication, findOrigin);
  }

  async #publishAfter(
    previous: Promise<void>,
    publication: Publication,
    findOrigin: () => Promise<StateOrigin>,
  ): Promise<void> {
    const { origin, auditLog, failures } = this.#options;
    await previous;
    try {
      const made = await findOrigin();
      auditLog?.add(publication, made);
      if (this.hasReceivers) this.#offer(makePublishedEvent(origin, publication, made));
    } catch (error) {
      failures.note('an event', error);
    }
  }

  /** Tells of an image that nodes ask for and that has no signature. */
  readonly tellMissing = (pull: MissingImage, reason: Reason | null, omitted: number): void => {
    const facts = { reason, commit: this.#commit, omitted };
    this.#offer(makeRefusedEvent(this.#options.origin, pull, facts));
  };

  readonly noteOmitted = (images: number): void => {
    this.#options.counts.add('refused', 'omitted', images);
  };

  /** Settles when the audit log has what was published, or after a while. */
  async settle(): Promise<void> {
    const { auditLog } = this.#options;
    if (!auditLog) return;
    await atMost(
      AUDIT_PATIENCE,
      this.#publishing.then(async () => auditLog.settle()),
    );
  }

  /** Delivers and writes what waits, as far as that is possible in a few seconds. */
  async close(): Promise<void> {
    const { receivers, auditLog } = this.#options;
    await atMost(GIT_PATIENCE, this.#publishing);
    await atMost(
      STOP_PATIENCE,
      Promise.all([
        auditLog?.close(),
        ...receivers.map(async (receiver) => receiver.close(STOP_PATIENCE)),
      ]),
    );
  }

  #offer(event: MadeEvent): void {
    for (const receiver of this.#options.receivers) receiver.offer(event);
  }
}

async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const { signal } = timer;
  await Promise.race([work, sleep(milliseconds, undefined, { signal }).catch(() => undefined)]);
  timer.abort();
}
