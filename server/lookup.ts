// The answer to one GET of a location, given before Express is entered. Only 200 and 404
// are answers that a node can go on with: whatever else it gets fails the pull
// (containers/image docker/docker_image_src.go, getOneSignature).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Signature } from '../generator/judge.ts';
import { type Location, parseLocation } from '../generator/location.ts';
import type { SignatureStore } from '../generator/store.ts';
import { parseRequestPath } from './request-path.ts';

/**
 * What became of a lookup. `served`; `end`: behind the last signature, as every pull asks;
 * `unsigned`: a node wanted an image that has no signature here; `unknown`: not a location;
 * `loading`: before the first generation; `refused`: a method that only reads would not use.
 */
export type Outcome = 'served' | 'end' | 'unsigned' | 'unknown' | 'loading' | 'refused';

/** One answered lookup, for the log. */
export interface Answer {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  readonly outcome: Outcome;
  readonly location: Location | undefined;
}

export interface Lookup {
  /** Answers a request for a location; gives false, and does nothing, for any other. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Answers a request that nothing else wanted: 404. */
  readonly answerUnknown: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface LookupOptions {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  readonly onAnswer: (request: IncomingMessage, answer: Answer) => void;
}

/** How long caches may keep a signature, in seconds: numbers can be given anew. */
const MAX_AGE = 60;
/** When a client should ask again while the first generation loads, in seconds. */
const RETRY_AFTER = 5;

const EMPTY = ['Content-Length', '0', 'Cache-Control', 'no-store'];

/** Makes the lookup over a store that is replaced from time to time. */
export function createLookup({ store, onAnswer }: LookupOptions): Lookup {
  const end = (
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    outcome: Outcome,
    location?: Location,
    headers: readonly string[] = [],
  ): void => {
    // An empty 404 lets the client use its connection again.
    response.writeHead(status, [...EMPTY, ...headers]).end();
    onAnswer(request, { status, bytes: 0, outcome, location });
  };

  const answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = parseRequestPath(request.url ?? '');
    const location = path === undefined ? undefined : parseLocation(path);
    if (!location) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      end(request, response, 405, 'refused', location, ['Allow', 'GET, HEAD']);
      return true;
    }
    const current = store();
    if (!current) {
      end(request, response, 503, 'loading', location, ['Retry-After', String(RETRY_AFTER)]);
      return true;
    }
    const signature = current.lookup(location.directory)?.[location.number - 1];
    if (!signature) {
      end(request, response, 404, location.number === 1 ? 'unsigned' : 'end', location);
      return true;
    }
    const [status, bytes] = send(request, response, signature);
    onAnswer(request, { status, bytes, outcome: 'served', location });
    return true;
  };

  return {
    answer,
    answerUnknown: (request, response) => end(request, response, 404, 'unknown'),
  };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, hash }: Signature,
): readonly [status: number, bytes: number] {
  const etag = `"${hash}"`;
  const caching = ['ETag', etag, 'Cache-Control', `public, max-age=${MAX_AGE}`];
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304, caching).end();
    return [304, 0];
  }
  response.writeHead(200, [
    'Content-Type',
    'application/octet-stream',
    'Content-Length',
    String(bytes.length),
    'X-Content-Type-Options',
    'nosniff',
    ...caching,
  ]);
  if (request.method === 'HEAD') {
    response.end();
    return [200, 0];
  }
  response.end(bytes);
  return [200, bytes.length];
}

/** RFC 9110, 13.1.2: a list of entity tags, compared weakly, or `*`. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === etag);
}
