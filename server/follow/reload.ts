// On SIGHUP, reads again what may change while the server runs. If something cannot be read or used,
// nothing changes, and operators are told until a reload succeeds.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import type { Troubles } from '../troubles/troubles.ts';

export interface ReloadOptions<Next> {
  /** Reads everything; throws an error that names the file. */
  readonly read: () => Promise<Next>;
  readonly troubles: Troubles;
  readonly log: ProgramLog;
}

/** Runs one reload at a time; requests that come meanwhile become one more. */
export class Reload<Next> {
  readonly #options: ReloadOptions<Next>;
  #use: ((next: Next) => void) | undefined;
  #isWanted = false;
  #isRunning = false;

  constructor(options: ReloadOptions<Next>) {
    this.#options = options;
  }

  /** Asks for a reload, which waits for `start`. */
  request(): void {
    this.#isWanted = true;
    if (this.#use && !this.#isRunning) void this.#run(this.#use);
  }

  /** `use` puts what was read into force; an error that it throws counts as a failed reload. */
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
      log.error(
        { hint: words.hint },
        `reload failed, everything stays as it was: ${words.message}`,
      );
      troubles.raise('reload-failed', words);
    }
  }
}

const HINT = 'fix it, then send SIGHUP again';
