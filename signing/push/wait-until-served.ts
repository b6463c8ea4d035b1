// Waits until a store serves what was pushed. A store renumbers what has holes, so that a signature is
// looked for under every number that its directory has.
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { fetchServed } from '../stage/fetch-served.ts';
import { RepositoryError } from '../target/repository-error.ts';

/** What a store is to serve. */
export interface AwaitedSignature {
  /** `[prefix/]namespace/repo@sha256=HEX`, below the store's address. */
  readonly directory: string;
  readonly bytes: Uint8Array;
}

export interface WaitOptions {
  /** The store's address, without a slash at the end. */
  readonly store: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly ending?: AbortSignal | undefined;
}

/** Between two looks at what was missing, at first and later. Milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 4000;
/** For one answer. Milliseconds. */
const PATIENCE = 10_000;
/** Directories that are asked for at once. */
const AT_ONCE = 8;

/**
 * Waits until all of them are served with these bytes; gives how long that took, in milliseconds.
 * @throws RepositoryError when the time is over, with what the store said last
 */
export async function waitUntilServed(
  awaited: readonly AwaitedSignature[],
  options: WaitOptions,
): Promise<number> {
  return new StoreWait(awaited, options).run();
}

class StoreWait {
  readonly #store: string;
  readonly #timeout: number;
  readonly #ending: AbortSignal | undefined;
  readonly #start = performance.now();
  /** What is not served yet, by directory. */
  readonly #missing = new Map<string, readonly Uint8Array[]>();
  /** Why, as the store said last. */
  #fault: string | undefined;

  constructor(awaited: readonly AwaitedSignature[], { store, timeout, ending }: WaitOptions) {
    this.#store = store;
    this.#timeout = timeout;
    this.#ending = ending;
    for (const { directory, bytes } of awaited) {
      this.#missing.set(directory, [...(this.#missing.get(directory) ?? []), bytes]);
    }
  }

  async run(): Promise<number> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const look = async (directory: string): Promise<void> => this.#look(directory);
      await pMap([...this.#missing.keys()], look, { concurrency: AT_ONCE });
      if (this.#missing.size === 0) return performance.now() - this.#start;
      if (this.#left() <= 0) throw this.#describeFault();
      await sleep(Math.min(pause, this.#left()), undefined, { signal: this.#ending });
    }
  }

  /** Milliseconds. */
  #left(): number {
    return Math.ceil(this.#start + this.#timeout - performance.now());
  }

  /** Looks through the numbers of a directory, up to the first that is not there. */
  async #look(directory: string): Promise<void> {
    for (let number = 1; number <= MAX_SIGNATURES; number++) {
      if (this.#left() <= 0) return;
      const location = formatLocation(directory, number);
      try {
        const served = await this.#get(location);
        if (typeof served === 'string') {
          this.#fault = served;
          return;
        }
        if (this.#strike(directory, served)) return;
      } catch (error) {
        this.#ending?.throwIfAborted();
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
        // Cut off by the end of the time, which says nothing of the store.
        if (this.#left() > 0) this.#fault = undefined;
        this.#fault ??= messageOf(cause);
        return;
      }
    }
    this.#fault = `${formatLocation(directory, MAX_SIGNATURES)} is another signature`;
  }

  /** The bytes at a location, or what the store says instead. */
  async #get(location: string): Promise<Uint8Array | string> {
    const served = await fetchServed(this.#store, location, {
      timeLimit: Math.max(1, Math.min(PATIENCE, this.#left())),
      ending: this.#ending,
    });
    if ('bytes' in served) return served.bytes;
    return served.status === 200
      ? `${location} is larger than a signature`
      : `${served.status} for ${location}`;
  }

  /** Takes off what is served; gives whether the directory has all of it. */
  #strike(directory: string, served: Uint8Array): boolean {
    const missing = this.#missing.get(directory) ?? [];
    const left = missing.filter((bytes) => Buffer.compare(bytes, served) !== 0);
    if (left.length === 0) this.#missing.delete(directory);
    else this.#missing.set(directory, left);
    return left.length === 0;
  }

  #describeFault(): RepositoryError {
    const count = [...this.#missing.values()].flat().length;
    const what = count === 1 ? '1 signature is' : `${count} signatures are`;
    return new RepositoryError(
      `${this.#store}: ${what} pushed, but not served yet: ${this.#fault ?? 'it was not asked in time'}`,
      {
        hint: 'see whether the store follows this branch, or wait longer with --timeout',
      },
    );
  }
}
