// Answers plain lookups with headers that are put together beforehand. A client gets the same bytes as
// from the lookup behind node:http.
import type { SignatureStore } from '../../generator/store/store.ts';
import type { LoggedRequest } from '../lookups/access-log.ts';
import { EMPTY_HEADERS, servedHeaders } from '../lookups/answer-headers.ts';
import { findSignature } from '../lookups/find-signature.ts';
import type { Answer } from '../lookups/lookup.ts';
import { MAX_BODY, type QuickAnswer, formatHead } from './quick-connections.ts';

export interface QuickLookupOptions {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  readonly onAnswer: (request: LoggedRequest, answer: Answer) => void;
}

const NOT_FOUND: QuickAnswer = { head: formatHead(404, EMPTY_HEADERS), body: undefined };
/** Takes the place of the hash; cannot be in a header. */
const MARK = '\n\n';

/** Makes the function that answers with 200 and 404, and leaves everything else to the lookup. */
export function createQuickLookup({
  store,
  onAnswer,
}: QuickLookupOptions): (request: LoggedRequest) => QuickAnswer | undefined {
  const formatServedHead = createServedHead();
  return (request) => {
    const startedAt = performance.now();
    const path = request.target.slice(1);
    const found = findSignature(store(), path);
    if (found === 'unknown' || found === 'loading') return undefined;
    if (typeof found === 'string') {
      onAnswer(request, { status: 404, bytes: 0, outcome: found, path, startedAt });
      return NOT_FOUND;
    }
    const { bytes, hash } = found;
    if (bytes.length > MAX_BODY) return undefined;
    onAnswer(request, { status: 200, bytes: bytes.length, outcome: 'served', path, startedAt });
    return { head: formatServedHead(bytes.length, hash), body: bytes };
  };
}

/** Gives the function that makes the head of a 200; it caches, by length, what comes before the hash. */
function createServedHead(): (length: number, hash: string) => string {
  const beginnings = new Map<number, string>();
  const [, end = ''] = formatHead(200, servedHeaders(0, MARK)).split(MARK);
  return (length, hash) => {
    let beginning = beginnings.get(length);
    if (beginning === undefined) {
      [beginning = ''] = formatHead(200, servedHeaders(length, MARK)).split(MARK);
      beginnings.set(length, beginning);
    }
    return beginning + hash + end;
  };
}
