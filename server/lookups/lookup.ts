// Answers one GET of a location before Express is entered. A node can go on with 200 and 404 only:
// any other answer fails the pull
// (containers/image docker/docker_image_src.go, getOneSignature).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SignatureStore, StoredSignature } from '../../generator/store/store.ts';
import {
  EMPTY_HEADERS,
  type Headers,
  READ_METHODS,
  cachingHeaders,
  formatEntityTag,
  missingHeaders,
  servedHeaders,
} from './answer-headers.ts';
import { type LookupMiss, findSignature } from './find-signature.ts';
import { parseRequestPath } from './request-path.ts';

/** What became of a lookup; `refused`: the method is not allowed. */
export type Outcome = 'served' | 'refused' | LookupMiss;

/** One answered lookup, for the log and the counts. */
export interface Answer {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  readonly outcome: Outcome;
  /** The location that was asked for; undefined if it was none. */
  readonly path: string | undefined;
  /** When we began to answer, by `performance.now()`. */
  readonly startedAt: number;
}

export interface LookupOptions {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  /** The paths below which signatures of releases are served; none if left out. */
  readonly releases?: readonly string[];
  readonly onAnswer: (request: IncomingMessage, answer: Answer) => void;
  /** How long caches may hold the 404 of a location, in milliseconds; 0 for not at all. */
  readonly cacheMissing: number;
}

/** When a client should ask again while the first generation loads, in seconds. */
const RETRY_AFTER = 5;

/** Looks signatures up in a store that is replaced from time to time. */
export class Lookup {
  readonly #store: LookupOptions['store'];
  readonly #releases: readonly string[];
  readonly #onAnswer: LookupOptions['onAnswer'];
  readonly #missing: Headers;

  constructor({ store, releases = [], onAnswer, cacheMissing }: LookupOptions) {
    this.#store = store;
    this.#releases = releases;
    this.#onAnswer = onAnswer;
    this.#missing = missingHeaders(cacheMissing);
  }

  /** Answers a request for a location; does nothing and gives false for any other. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const startedAt = performance.now();
    const path = parseRequestPath(request.url ?? '');
    if (path === undefined) return false;
    const found = findSignature(this.#store(), path, this.#releases);
    if (found === 'unknown') return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const allowed = [...EMPTY_HEADERS, 'Allow', READ_METHODS];
      this.#end(request, response, { status: 405, outcome: 'refused', path, startedAt }, allowed);
    } else if (found === 'loading') {
      const wait = [...EMPTY_HEADERS, 'Retry-After', String(RETRY_AFTER)];
      this.#end(request, response, { status: 503, outcome: found, path, startedAt }, wait);
    } else if (typeof found === 'string') {
      const answer = { status: 404, outcome: found, path, startedAt };
      this.#end(request, response, answer, this.#missing);
    } else {
      const [status, bytes] = send(request, response, found);
      this.#onAnswer(request, { status, bytes, outcome: 'served', path, startedAt });
    }
    return true;
  }

  /** Answers a request that nothing else wanted: 404. */
  answerUnknown(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    this.#end(request, response, { status: 404, outcome: 'unknown', path: undefined, startedAt });
  }

  #end(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Omit<Answer, 'bytes'>,
    headers: Headers = EMPTY_HEADERS,
  ): void {
    response.writeHead(answer.status, [...headers]).end();
    this.#onAnswer(request, { ...answer, bytes: 0 });
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, hash }: StoredSignature,
): readonly [status: number, bytes: number] {
  if (matches(request.headers['if-none-match'], formatEntityTag(hash))) {
    response.writeHead(304, [...cachingHeaders(hash)]).end();
    return [304, 0];
  }
  response.writeHead(200, [...servedHeaders(bytes.length, hash)]);
  if (request.method === 'HEAD') {
    response.end();
    return [200, 0];
  }
  response.end(bytes);
  return [200, bytes.length];
}

/** Caches send the few that they have. Behind this many, tags are ignored: the whole answer is right too. */
const MAX_TAGS = 64;

/** RFC 9110, 13.1.2: a list of entity tags, compared weakly, or `*`. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(',', MAX_TAGS)
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === etag);
}
