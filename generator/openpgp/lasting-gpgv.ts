// A gpgv that may come and go while a server runs: one that failed once, on a machine that was busy
// or while it was being updated, is looked for again. A gpgv that cannot be run gives no verdict.
import { messageOf } from '../terms/errors.ts';
import { reject } from '../terms/rejection.ts';
import type { Gpgv, GpgvEngine, GpgvResult } from './gpgv.ts';
import type { GpgvFinder } from './open-message.ts';

/** It is looked for at most this often, unless somebody asks for that. Milliseconds. */
const LOOK_AGAIN = 60_000;
/** What is run by so many failures in a row is given up until it is looked for again. */
const MAX_FAILURES = 3;

export interface LastingGpgvOptions {
  /** Looks for it; undefined where there is none that can be used. */
  readonly open: () => Promise<Gpgv | undefined>;
  /** Gives a number of milliseconds that only grows. */
  readonly elapsed: () => number;
}

export class LastingGpgv implements GpgvFinder {
  readonly #options: LastingGpgvOptions;
  #found: Gpgv | undefined;
  #looking: Promise<void> | undefined;
  #lookedAt = -Infinity;
  #failures = 0;
  #isClosed = false;

  /** Not looked for yet. */
  constructor(options: LastingGpgvOptions) {
    this.#options = options;
  }

  /** Of the one that is there; undefined while none is. */
  get version(): string | undefined {
    return this.#found?.version;
  }

  /** The one that is there, looked for again if that was long ago. */
  async find(): Promise<GpgvEngine | undefined> {
    const isLong = this.#options.elapsed() - this.#lookedAt >= LOOK_AGAIN;
    // Where it cannot be opened, as on a full disk, there is none now.
    if (!this.#found && isLong && !this.#isClosed) await this.lookAgain().catch(() => undefined);
    const found = this.#found;
    return (
      found && {
        version: found.version,
        verify: async (message, keyring) => this.#verify(found, message, keyring),
      }
    );
  }

  /** Looks for it now; nothing may be verified meanwhile. If that fails, the one that was there stays. */
  async lookAgain(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#looking;
    await this.#found?.close();
  }

  async #look(): Promise<void> {
    const before = this.#found;
    try {
      this.#found = await this.#options.open();
    } finally {
      this.#lookedAt = this.#options.elapsed();
    }
    this.#failures = 0;
    await before?.close();
  }

  async #verify(gpgv: Gpgv, message: Uint8Array, keyring: Uint8Array): Promise<GpgvResult> {
    try {
      const result = await gpgv.verify(message, keyring);
      this.#failures = 0;
      return result;
    } catch (error) {
      if (this.#isClosed) throw error;
      if (++this.#failures >= MAX_FAILURES && this.#found === gpgv) await this.#drop(gpgv);
      const verdict = reject('cannot-verify', `gpgv gave no verdict: ${messageOf(error)}`, {
        hint: 'Wait: it is asked again. If that goes on, look at the log and at the machine.',
      });
      return { verdict, untrustedPayload: new Uint8Array() };
    }
  }

  async #drop(gpgv: Gpgv): Promise<void> {
    this.#found = undefined;
    this.#lookedAt = this.#options.elapsed();
    await gpgv.close();
  }
}
