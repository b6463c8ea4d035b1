// Answers plain lookups with headers that are put together beforehand. A client gets the same bytes as
// from the lookup behind node:http.
import type { SignatureStore } from '../../generator/store/store.ts';
import type { LoggedRequest } from '../lookups/access-log.ts';
import { missingHeaders, servedHeaders } from '../lookups/answer-headers.ts';
import { findSignature } from '../lookups/find-signature.ts';
import type { Answer } from '../lookups/lookup.ts';
import { MAX_BODY, type QuickAnswer, formatHead } from './quick-connections.ts';

export interface QuickLookupOptions {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  /** The paths below which signatures of releases are served; none if left out. */
  readonly releases?: readonly string[];
  readonly onAnswer: (request: LoggedRequest, answer: Answer) => void;
  /** How long caches may hold the 404 of a location, in milliseconds; 0 for not at all. */
  readonly cacheMissing: number;
}

/** Takes the place of the hash; cannot be in a header. */
const MARK = '\n\n';

/** Answers with 200 and 404, and leaves everything else to the lookup. */
export class QuickLookup {
  readonly #store: QuickLookupOptions['store'];
  readonly #releases: readonly string[];
  readonly #onAnswer: QuickLookupOptions['onAnswer'];
  readonly #heads = new ServedHeads();
  readonly #notFound: QuickAnswer;

  constructor({ store, releases = [], onAnswer, cacheMissing }: QuickLookupOptions) {
    this.#releases = releases;
    this.#notFound = { head: formatHead(404, missingHeaders(cacheMissing)), body: undefined };
    this.#store = store;
    this.#onAnswer = onAnswer;
  }

  readonly answer = (request: LoggedRequest): QuickAnswer | undefined => {
    const startedAt = performance.now();
    const path = request.target.slice(1);
    const found = findSignature(this.#store(), path, this.#releases);
    if (found === 'unknown' || found === 'loading') return undefined;
    if (typeof found === 'string') {
      this.#onAnswer(request, { status: 404, bytes: 0, outcome: found, path, startedAt });
      return this.#notFound;
    }
    const { bytes, hash } = found;
    const { length } = bytes;
    if (length > MAX_BODY) return undefined;
    this.#onAnswer(request, { status: 200, bytes: length, outcome: 'served', path, startedAt });
    return { head: this.#heads.format(length, hash), body: bytes };
  };
}

/** Makes heads of 200; what comes before the hash is kept for each length. */
class ServedHeads {
  readonly #beginnings = new Map<number, string>();
  readonly #end = formatHead(200, servedHeaders(0, MARK)).split(MARK)[1] ?? '';

  format(length: number, hash: string): string {
    let beginning = this.#beginnings.get(length);
    if (beginning === undefined) {
      [beginning = ''] = formatHead(200, servedHeaders(length, MARK)).split(MARK);
      this.#beginnings.set(length, beginning);
    }
    return beginning + hash + this.#end;
  }
}
