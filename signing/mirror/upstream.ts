// An upstream store, asked as nodes ask it, but with patience. Only 404 says that there is nothing: whatever
// else comes in place of a signature leaves open what the store has, and nothing here is removed for it.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSignatureFile } from '../../generator/openpgp/signature-file.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { isRejection } from '../../generator/terms/rejection.ts';
import { toLine } from '../../generator/terms/text.ts';
import { Backoff } from '../push/backoff.ts';
import { type Served, fetchServed } from '../stage/fetch-served.ts';
import { readRetryAfter } from './retry-after.ts';

/** Why it is not known what a store has at a location. */
export interface Doubt {
  /** As `403 for app@sha256=…/signature-2`. */
  readonly message: string;
  /** Whether the store was busy, broken or away, and may answer another time. */
  readonly isPassing: boolean;
}

/** What a store says of a location. */
export type UpstreamAnswer =
  /** Bytes in the form of a signature file, or of a broken one. Nobody has verified them. */
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly etag: string | undefined }
  /** It is still what the ETag names. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'none' }
  | { readonly kind: 'doubt'; readonly doubt: Doubt };

export interface UpstreamOptions {
  /** The address of the store, without a slash at its end. */
  readonly store: string;
  /** How many locations are asked for at once. */
  readonly jobs: number;
  readonly ending: AbortSignal;
}

/** For one answer. Milliseconds. */
const PATIENCE = 30_000;
/** Of one location. With the pauses of Backoff they take some 5 s. */
const TRIES = 7;
/** So many locations in a row without any answer, beyond those that are asked for at once: the store is away. */
const MOST_SILENT = 3;
/** Behind the end of a pause. Milliseconds. */
const MOST_LATE = 500;
/** By these, and by all from 500 on, a store says that it may answer another time. */
const BUSY: ReadonlySet<number> = new Set([408, 425, 429]);
/** What comes in place of a signature where somebody else answers, or something broke on the way. */
const NO_SIGNATURE: ReadonlySet<string> = new Set(['html', 'bare-json', 'empty', 'unknown-format']);

/** What one try brought: an answer, or that it is worth another try. */
type Attempt = UpstreamAnswer | { readonly kind: 'again'; readonly message: string };

export class Upstream {
  readonly #options: UpstreamOptions;
  /** When the store, by its own word, may be asked again, by `performance.now`. */
  #notBefore = 0;
  #silent = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    // Each question listens for the end; Node takes more than ten for a leak.
    setMaxListeners(0, options.ending);
  }

  /** Whether the store has not answered for so long that nobody should ask any more in this run. */
  get isAway(): boolean {
    return this.#silent >= this.#options.jobs + MOST_SILENT;
  }

  /**
   * Asks for a location, again where the store is busy or the connection breaks. With the ETag of what is
   * known it may say that this is unchanged. Throws where the run is interrupted.
   */
  async ask(location: string, etag?: string): Promise<UpstreamAnswer> {
    const { ending } = this.#options;
    const backoff = new Backoff({ timeout: Infinity, ending });
    for (let attempts = 1; ; attempts++) {
      await this.#waitForTurn();
      const found = await this.#try(location, etag);
      if (found.kind !== 'again') {
        this.#silent = 0;
        return found;
      }
      if (attempts >= TRIES || this.isAway) {
        this.#silent++;
        return { kind: 'doubt', doubt: { message: found.message, isPassing: true } };
      }
      await backoff.pause(attempts);
    }
  }

  /** A store that wants a pause gets it from all who ask. */
  async #waitForTurn(): Promise<void> {
    const { ending } = this.#options;
    for (;;) {
      const left = this.#notBefore - performance.now();
      if (left <= 0) return;
      // Not all at once.
      const late = Math.random() * MOST_LATE;
      await sleep(Math.ceil(left + late), undefined, { signal: ending });
    }
  }

  async #try(location: string, etag: string | undefined): Promise<Attempt> {
    const { store, ending } = this.#options;
    try {
      const served = await fetchServed(store, location, { timeLimit: PATIENCE, etag, ending });
      return 'bytes' in served ? toFile(served, location) : this.#readStatus(served, location);
    } catch (error) {
      ending.throwIfAborted();
      // fetch says only that it failed; why is within.
      const inner = error instanceof Error && error.cause !== undefined ? error.cause : error;
      return { kind: 'again', message: `${toLine(messageOf(inner))} for ${location}` };
    }
  }

  #readStatus(
    { status, retryAfter }: Extract<Served, { readonly status: number }>,
    location: string,
  ): Attempt {
    if (status === 404) return { kind: 'none' };
    if (status === 304) return { kind: 'unchanged' };
    if (status === 200) return doubtful(`200 with more than a signature for ${location}`);
    const message = `${status} for ${location}`;
    const wait = readRetryAfter(retryAfter, Date.now());
    if (wait !== undefined) {
      this.#notBefore = Math.max(this.#notBefore, performance.now() + wait);
    }
    // 403 is what some stores say of a file that they do not have, and others to who asks too often.
    return status >= 500 || BUSY.has(status) || (status === 403 && wait !== undefined)
      ? { kind: 'again', message }
      : doubtful(message);
  }
}

function toFile(
  { bytes, etag }: Extract<Served, { readonly bytes: Uint8Array }>,
  location: string,
): UpstreamAnswer {
  const form = parseSignatureFile(bytes);
  return isRejection(form) && NO_SIGNATURE.has(form.code)
    ? doubtful(`200 for ${location}, but ${form.message}`)
    : { kind: 'file', bytes, etag };
}

function doubtful(message: string): UpstreamAnswer {
  return { kind: 'doubt', doubt: { message: toLine(message), isPassing: false } };
}
