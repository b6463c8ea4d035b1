// Answers one GET of a location before Express is entered. A node can go on with 200 and 404 only:
// any other answer fails the pull
// (containers/image docker/docker_image_src.go, getOneSignature).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SignatureStore, StoredSignature } from '../../generator/store/store.ts';
import {
  EMPTY_HEADERS,
  type Headers,
  cachingHeaders,
  formatEntityTag,
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

export interface Lookup {
  /** Answers a request for a location; does nothing and gives false for any other. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Answers a request that nothing else wanted: 404. */
  readonly answerUnknown: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface LookupOptions {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  readonly onAnswer: (request: IncomingMessage, answer: Answer) => void;
}

/** When a client should ask again while the first generation loads, in seconds. */
const RETRY_AFTER = 5;

/** Makes the lookup over a store that is replaced from time to time. */
export function createLookup({ store, onAnswer }: LookupOptions): Lookup {
  const end = (
    request: IncomingMessage,
    response: ServerResponse,
    startedAt: number,
    status: number,
    outcome: Outcome,
    path?: string,
    headers: Headers = [],
  ): void => {
    response.writeHead(status, [...EMPTY_HEADERS, ...headers]).end();
    onAnswer(request, { status, bytes: 0, outcome, path, startedAt });
  };

  const answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const startedAt = performance.now();
    const path = parseRequestPath(request.url ?? '');
    if (path === undefined) return false;
    const found = findSignature(store(), path);
    if (found === 'unknown') return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      end(request, response, startedAt, 405, 'refused', path, ['Allow', 'GET, HEAD']);
    } else if (found === 'loading') {
      end(request, response, startedAt, 503, found, path, ['Retry-After', String(RETRY_AFTER)]);
    } else if (typeof found === 'string') {
      end(request, response, startedAt, 404, found, path);
    } else {
      const [status, bytes] = send(request, response, found);
      onAnswer(request, { status, bytes, outcome: 'served', path, startedAt });
    }
    return true;
  };

  return {
    answer,
    answerUnknown: (request, response) => end(request, response, performance.now(), 404, 'unknown'),
  };
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
