// Reads files again that have changed while the server runs, and all of them on SIGHUP. Each kind of files
// is read on its own: where one cannot be used, what was in force stays, the others are not held up, and
// operators are told until it can be used.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import type { Reloadable, ReloadedKind } from './in-force.ts';
import type { TroubleWords, Troubles } from '../troubles/troubles.ts';

/** Files that are read together. */
export interface ReloadPart {
  readonly kind: ReloadedKind;
  /** Reads them; throws an error that names the file. */
  readonly read: () => Promise<Partial<Reloadable>>;
  /** How they look now; undefined where they look as they did before they were read last. */
  readonly findChange: () => Promise<string | undefined>;
}

/** One of the files cannot be used, which `cause` says; the others have been read. */
export class PartlyUnusableError extends Error {
  readonly hint: string | undefined;
  /** Gives what they say now. */
  readonly takeOthers: () => Promise<Partial<Reloadable>>;
  constructor(cause: unknown, takeOthers: PartlyUnusableError['takeOthers']) {
    super(messageOf(cause), { cause });
    this.hint = hintOf(cause);
    this.takeOthers = takeOthers;
  }
}

/** What is told of files that were read again. */
export interface ReloadTarget {
  /** Puts what was read into force; an error that it throws counts as that of the files. */
  readonly reload: (next: Partial<Reloadable>) => void;
  /** Notes that files of this kind cannot be used. */
  readonly noteUnusable: (kind: ReloadedKind) => void;
  /** Refreshes, and judges everything again. */
  readonly judgeAnew: () => void;
}

export interface ReloadOptions {
  readonly parts: readonly ReloadPart[];
  readonly troubles: Troubles;
  readonly log: ProgramLog;
  /** Milliseconds between two looks at the files. */
  readonly interval?: number;
  /** Milliseconds until the second look at files that have changed. */
  readonly settling?: number;
}

export const LOOK_INTERVAL = 10_000;
/** Somebody may still write them, or have moved one of two that belong together. */
const SETTLING = 2000;
const HINT = 'correct the file: it is read again by itself';

export class Reload {
  readonly #options: ReloadOptions;
  /** How files looked that have changed since they were read: they are read once they look so twice. */
  readonly #changed = new Map<ReloadedKind, string>();
  readonly #failures = new Map<ReloadedKind, TroubleWords>();
  #target: ReloadTarget | undefined;
  #isWanted = false;
  /** To be called when all files have been read again. */
  #waiting: (() => void)[] = [];
  #isRunning = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReloadOptions) {
    this.#options = options;
  }

  /**
   * Asks for all files to be read again, changed or not; waits for `start`. `onRead` is called when that
   * was done.
   */
  request(onRead?: () => void): void {
    this.#isWanted = true;
    if (onRead) this.#waiting.push(onRead);
    this.#run();
  }

  /** Begins to look at the files. */
  start(target: ReloadTarget): void {
    this.#target = target;
    if (this.#isWanted) this.#run();
    else this.#plan();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    const { interval = LOOK_INTERVAL, settling = SETTLING } = this.#options;
    if (this.#isStopped) return;
    const pause = this.#changed.size > 0 ? settling : interval;
    this.#timer = setTimeout(() => this.#run(), pause).unref();
  }

  /** One pass at a time; a request that comes meanwhile becomes one more. */
  #run(): void {
    if (!this.#target || this.#isRunning || this.#isStopped) return;
    this.#isRunning = true;
    clearTimeout(this.#timer);
    void this.#pass(this.#target).finally(() => {
      this.#isRunning = false;
      if (this.#isWanted) this.#run();
      else this.#plan();
    });
  }

  async #pass(target: ReloadTarget): Promise<void> {
    const isWanted = this.#isWanted;
    const asked = this.#waiting;
    this.#isWanted = false;
    this.#waiting = [];
    for (const part of this.#options.parts) {
      if (isWanted || (await this.#isDue(part))) await this.#read(part, target, isWanted);
    }
    this.#tell();
    if (isWanted) target.judgeAnew();
    for (const onRead of asked) onRead();
  }

  /** Whether files have changed and look twice the same, or could not be used the last time. */
  async #isDue({ kind, findChange }: ReloadPart): Promise<boolean> {
    const look = await findChange();
    if (look === undefined) {
      this.#changed.delete(kind);
      return this.#failures.has(kind);
    }
    if (this.#changed.get(kind) === look) return true;
    this.#changed.set(kind, look);
    return false;
  }

  /** Whoever asked for it is told each time why files cannot be used, others once. */
  async #read({ kind, read }: ReloadPart, target: ReloadTarget, isWanted: boolean): Promise<void> {
    const { log } = this.#options;
    const hasChanged = this.#changed.delete(kind);
    try {
      target.reload(await read());
      this.#failures.delete(kind);
      log.info({ files: kind }, 'files were read again');
    } catch (error) {
      const words = { message: messageOf(error), hint: hintOf(error) ?? HINT };
      if (isWanted || this.#failures.get(kind)?.message !== words.message) {
        log.error({ files: kind, hint: words.hint }, `${FAILED}: ${words.message}`);
      }
      this.#failures.set(kind, words);
      target.noteUnusable(kind);
      const isPartly = error instanceof PartlyUnusableError;
      if (isPartly && (isWanted || hasChanged)) target.reload(await error.takeOthers());
    }
  }

  #tell(): void {
    const { troubles } = this.#options;
    const failures = [...this.#failures.values()];
    const [first] = failures;
    if (!first) {
      troubles.clear('reload-failed');
      return;
    }
    const message = failures.map((failure) => failure.message).join('; ');
    troubles.raise('reload-failed', { message, hint: first.hint });
  }
}

const FAILED = 'files cannot be used, what was in force stays';
