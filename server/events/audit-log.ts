// The audit log: what was published, by whom, and when. It never holds up a publication: what cannot be
// written waits and is tried again, within bounds; beyond them publications are left out, and the log itself
// says how many.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { StateOrigin } from '../../generator/sources/source.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import type { Troubles } from '../troubles/troubles.ts';
import { AUDIT_HINT, AUDIT_OPENING, type AuditTarget } from './audit-file.ts';
import { formatAuditLines, formatMissingLine } from './audit-lines.ts';
import { EventQueue, type QueueLimits } from './event-queue.ts';
import type { Publication } from './publication.ts';

export interface AuditLogOptions {
  readonly target: AuditTarget;
  /** The signature repository, as events name it. */
  readonly source: string;
  readonly troubles: Pick<Troubles, 'raise' | 'clear'>;
  readonly log: ProgramLog;
  readonly now: () => Date;
  readonly limits?: QueueLimits;
  /** Milliseconds. */
  readonly firstPause?: number;
}

interface Entry {
  readonly publication: Publication;
  readonly origin: StateOrigin;
  /** What it takes in memory, about. */
  readonly bytes: number;
}

/** Publications that wait behind the one that is being written. */
const LIMITS: QueueLimits = { events: 1000, bytes: 256 * 1024 * 1024 };
/** What each keeps in memory, about: references to what the store has, and all of what it has no longer. */
const OWN_BYTES = 500;
const ADDED_BYTES = 100;
const REMOVED_BYTES = 2000;
const REJECTED_BYTES = 500;
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;
/** Lines between two pauses for lookups. */
const AT_ONCE = 8;

export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #queue: EventQueue<Entry>;
  readonly #resting = new AbortController();
  #working: Promise<void> | undefined;
  #isClosing = false;
  #failures = 0;
  #written = 0;
  #lost = 0;
  /** Of those that are lost, the log does not tell yet. */
  #untold = 0;

  /** Touches nothing yet. */
  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#queue = new EventQueue(options.limits ?? LIMITS);
  }

  /** Publications, since the start. */
  get counts(): { readonly written: number; readonly lost: number } {
    return { written: this.#written, lost: this.#lost };
  }

  /** Never throws, and never waits. */
  add(publication: Publication, origin: StateOrigin): void {
    const entry = { publication, origin, bytes: estimateBytes(publication) };
    // What nobody has to wait for may be of any size.
    if (this.#working) this.#lose(this.#queue.push(entry).length);
    else this.#working = this.#work(entry);
  }

  /** Settles when all of it is written, or at once while that fails. */
  async settle(): Promise<void> {
    if (this.#failures === 0) await this.#working;
  }

  /** Tries once more; what cannot be written is lost. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#resting.abort();
    await this.#working;
    await this.#options.target.close().catch((error: unknown) => this.#fail(error));
    if (this.#untold === 0) return;
    const publications = this.#untold;
    this.#options.log.error({ publications }, 'publications are missing in the audit log');
  }

  async #work(first: Entry): Promise<void> {
    for (let entry: Entry | undefined = first; entry; entry = this.#queue.shift()) {
      const isWritten = await this.#write(entry);
      if (isWritten) this.#written++;
      else this.#lose(1);
    }
    this.#working = undefined;
  }

  /** Tells whether all of it was written. */
  async #write({ publication, origin }: Entry): Promise<boolean> {
    const { target, source } = this.#options;
    let count = 0;
    for (const line of formatAuditLines(source, publication, origin)) {
      if (++count % AT_ONCE === 0) await setImmediate();
      if (!(await this.#insist(async () => this.#append(line)))) return false;
    }
    return this.#insist(target.sync);
  }

  async #append(line: string): Promise<void> {
    const { target, source, now } = this.#options;
    const missing = this.#untold;
    if (missing > 0) {
      await target.append(formatMissingLine(source, now().toISOString(), missing));
      this.#untold -= missing;
    }
    await target.append(line);
  }

  /** Does something until it succeeds, or there is no time left; tells whether it did. */
  async #insist(step: () => Promise<void>): Promise<boolean> {
    for (;;) {
      try {
        await step();
        this.#succeed();
        return true;
      } catch (error) {
        this.#fail(error);
      }
      if (this.#isClosing) return false;
      const pause = (this.#options.firstPause ?? FIRST_PAUSE) * 2 ** (this.#failures - 1);
      const { signal } = this.#resting;
      const options = { ref: false, signal };
      await sleep(Math.min(pause, LONGEST_PAUSE), undefined, options).catch(() => undefined);
    }
  }

  #succeed(): void {
    const { troubles, log } = this.#options;
    if (this.#failures > 0) log.info('the audit log is written again');
    troubles.clear('audit-log');
    troubles.clear('audit-log', AUDIT_OPENING);
    this.#failures = 0;
  }

  #fail(error: unknown): void {
    const { troubles, log } = this.#options;
    const message = `the audit log cannot be written: ${messageOf(error)}`;
    const hint = hintOf(error) ?? AUDIT_HINT;
    if (this.#failures === 0) log.error({ hint }, message);
    this.#failures++;
    const waiting = this.#queue.length + 1;
    const counts = `${waiting} publications wait, ${this.#lost} are lost`;
    troubles.raise('audit-log', { message: `${message}; ${counts}`, hint });
  }

  #lose(count: number): void {
    this.#lost += count;
    this.#untold += count;
  }
}

function estimateBytes({ difference }: Publication): number {
  const { added, removed, rejected } = difference;
  const own = OWN_BYTES + REJECTED_BYTES * rejected.length;
  return own + ADDED_BYTES * added.length + REMOVED_BYTES * removed.length;
}
