// A gpgv that may come and go while a server runs: one that failed because the machine was busy, or
// because it was being updated, is looked for again. If gpgv cannot be run, there is no verdict.
import { messageOf } from '../terms/errors.ts';
import { reject } from '../terms/rejection.ts';
import type { Gpgv, GpgvEngine, GpgvResult } from './gpgv.ts';
import type { GpgvFinder } from './open-message.ts';

/** It is looked for at most this often by itself. Milliseconds. */
const LOOK_AGAIN = 60_000;
/** After this many failures in a row it counts as gone until it is looked for again. */
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

  /** Does not look for it yet. */
  constructor(options: LastingGpgvOptions) {
    this.#options = options;
  }

  /** The version of the one that is there; undefined if none is. */
  get version(): string | undefined {
    return this.#found?.version;
  }

  /** The one that is there; if none was, and the last look is long ago, looks for it again. */
  async find(): Promise<GpgvEngine | undefined> {
    const isLong = this.#options.elapsed() - this.#lookedAt >= LOOK_AGAIN;
    // If it cannot be opened, for example on a full disk, there is none for now.
    if (!this.#found && isLong && !this.#isClosed) await this.lookAgain().catch(() => undefined);
    const found = this.#found;
    return (
      found && {
        version: found.version,
        verify: async (message, keyring) => this.#verify(found, message, keyring),
      }
    );
  }

  /** Looks for it now; nothing may be verified meanwhile. On failure the one that was there stays. */
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
        hint: 'Wait: it will be asked again. If this goes on, check the log and the machine.',
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
