// Which missing signatures are told as events: each image once in a while, some images a minute, those of
// repositories that the store knows first, whatever strangers ask for. To note one is cheap, as lookups are
// many; all else happens afterwards. What is left out is counted, and told with the next event.
import type { Reason } from '../../generator/explain/reason.ts';
import type { MissingImage } from './cloud-event.ts';

export interface MissingSignaturesOptions {
  /** What is known of an image by now; undefined if it has a signature, or was forgotten. */
  readonly find: (directory: string) => MissingImage | undefined;
  /** Whether the store knows the repository of an image. */
  readonly isKnown: (directory: string) => boolean;
  /** Why it has no signature, as far as that is found out in time. */
  readonly findReasons: (directories: readonly string[]) => Promise<ReadonlyMap<string, Reason>>;
  /** Sends an event. */
  readonly send: (pull: MissingImage, reason: Reason | null, omitted: number) => void;
  /** Told of images that get no event. */
  readonly onOmitted: (images: number) => void;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  readonly limits?: MissingLimits;
}

export interface MissingLimits {
  /** Between two events of one image. Milliseconds. */
  readonly interval: number;
  /** Events of all images. */
  readonly perMinute: number;
  /** A node asks several times in a row, and a signature may be on its way. Milliseconds. */
  readonly settling: number;
  /** Images that wait for their event. */
  readonly waiting: number;
  /** Images whose event is remembered. */
  readonly remembered: number;
}

const LIMITS: MissingLimits = {
  interval: 3_600_000,
  perMinute: 30,
  settling: 2000,
  waiting: 1000,
  remembered: 10_000,
};
const MINUTE = 60_000;
/** Milliseconds between two looks at what waits. */
const LOOK_INTERVAL = 1000;

export class MissingSignatures {
  readonly #options: MissingSignaturesOptions;
  readonly #limits: MissingLimits;
  /** Since when images wait. */
  readonly #waiting = new Map<string, number>();
  /** When images had their last event, the oldest first. */
  readonly #told = new Map<string, number>();
  /** Events that may be sent now. */
  #allowance: number;
  #allowedAt: number;
  #omitted = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: MissingSignaturesOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
    this.#allowance = this.#limits.perMinute;
    this.#allowedAt = options.elapsed();
  }

  /** Notes a lookup that found nothing; `path` is the location that was asked for. */
  note(path: string): void {
    const directory = path.slice(0, path.lastIndexOf('/'));
    if (this.#waiting.has(directory)) return;
    const now = this.#options.elapsed();
    const toldAt = this.#told.get(directory);
    if (toldAt !== undefined && now - toldAt < this.#limits.interval) return;
    if (this.#waiting.size >= this.#limits.waiting) this.#omit(1);
    // A string of its own: a slice would keep the request that it was cut from in memory.
    else this.#waiting.set(Buffer.from(directory).toString(), now);
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL).unref();
  }

  /** Sends the events that are due; one look at a time. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Sends what may be sent, whether it is due or not; the rest gets no event. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#send([...this.#waiting.keys()]);
    this.#omit(this.#waiting.size);
    this.#waiting.clear();
  }

  async #look(): Promise<void> {
    const now = this.#options.elapsed();
    const due = [...this.#waiting].filter(([, since]) => now - since >= this.#limits.settling);
    await this.#send(due.map(([directory]) => directory));
    for (const [directory, since] of due) {
      // Nobody is told of it: it has its turn again when it is asked for again.
      const isLate = now - since >= MINUTE && this.#waiting.delete(directory);
      if (isLate) this.#omit(1);
    }
  }

  /** As many as are allowed now, those of known repositories first. */
  async #send(directories: readonly string[]): Promise<void> {
    const { find, isKnown, findReasons, send } = this.#options;
    const [known, others] = [
      directories.filter(isKnown),
      directories.filter((one) => !isKnown(one)),
    ];
    const chosen: string[] = [];
    for (const directory of [...known, ...others]) {
      if (find(directory) === undefined) this.#waiting.delete(directory);
      else if (this.#take()) chosen.push(directory);
    }
    if (chosen.length === 0) return;
    const reasons = await findReasons(chosen);
    for (const directory of chosen) {
      this.#waiting.delete(directory);
      // A signature may have come meanwhile.
      const pull = find(directory);
      if (!pull) continue;
      this.#remember(directory);
      const omitted = this.#omitted;
      this.#omitted = 0;
      send(pull, reasons.get(directory) ?? null, omitted);
    }
  }

  #take(): boolean {
    const { perMinute } = this.#limits;
    const now = this.#options.elapsed();
    const earned = ((now - this.#allowedAt) * perMinute) / MINUTE;
    this.#allowance = Math.min(perMinute, this.#allowance + earned);
    this.#allowedAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  #remember(directory: string): void {
    this.#told.delete(directory);
    this.#told.set(directory, this.#options.elapsed());
    const [oldest] = this.#told.keys();
    if (this.#told.size > this.#limits.remembered && oldest !== undefined)
      this.#told.delete(oldest);
  }

  #omit(count: number): void {
    if (count === 0) return;
    this.#omitted += count;
    this.#options.onOmitted(count);
  }
}
