// What SIGHUP asks for: reading again what may change while the server runs. What cannot be read, or
// not be used, changes nothing, and is told until a reload works.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import type { Troubles } from '../troubles/troubles.ts';

export interface ReloadOptions<Next> {
  /** Reads all of it; throws an error that names the file. */
  readonly read: () => Promise<Next>;
  readonly troubles: Troubles;
  readonly log: ProgramLog;
}

/** One reload at a time; requests that come meanwhile become one more. */
export class Reload<Next> {
  readonly #options: ReloadOptions<Next>;
  #use: ((next: Next) => void) | undefined;
  #isWanted = false;
  #isRunning = false;

  constructor(options: ReloadOptions<Next>) {
    this.#options = options;
  }

  /** Asks for a reload; before `start` it waits for that. */
  request(): void {
    this.#isWanted = true;
    if (this.#use && !this.#isRunning) void this.#run(this.#use);
  }

  /** `use` takes what was read into use; what it throws is told too. */
  start(use: (next: Next) => void): void {
    this.#use = use;
    if (this.#isWanted) this.request();
  }

  async #run(use: (next: Next) => void): Promise<void> {
    this.#isRunning = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#attempt(use);
    }
    this.#isRunning = false;
  }

  async #attempt(use: (next: Next) => void): Promise<void> {
    const { read, troubles, log } = this.#options;
    try {
      use(await read());
      troubles.clear('reload-failed');
    } catch (error) {
      const words = { message: messageOf(error), hint: hintOf(error) ?? HINT };
      log.error({ hint: words.hint }, `reload failed, all stays as it was: ${words.message}`);
      troubles.raise('reload-failed', words);
    }
  }
}

const HINT = 'mend it, and send SIGHUP again';
