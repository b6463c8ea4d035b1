// The headers that say what was found. Those of the connection are added by node:http, or by the quick
// connections in its place.

/** How long caches may keep a signature, in milliseconds; short, as a number can be given to another one. */
export const SERVED_MAX_AGE = 60_000;
/** How long caches may go on with what they have while the server cannot be reached, in seconds. */
const STALE_IF_ERROR = 86_400;

/** Names and values in turn, as writeHead takes them. */
export type Headers = readonly string[];

/** Headers of an answer without a body. With a length, the client can use its connection again. */
export const EMPTY_HEADERS: Headers = ['Content-Length', '0', 'Cache-Control', 'no-store'];

/** Headers where nothing is, which caches may keep for so many milliseconds; 0 for not at all. */
export function missingHeaders(cacheMissing: number): Headers {
  if (cacheMissing === 0) return EMPTY_HEADERS;
  return ['Content-Length', '0', 'Cache-Control', formatCaching(cacheMissing)];
}

/** The methods of all that is there to be read. */
export const READ_METHODS = 'GET, HEAD, OPTIONS';

/** The tag by which caches know a signature; `hash` is that of the store. */
export function formatEntityTag(hash: string): string {
  return `"${hash}"`;
}

/** Headers of a signature, also where its bytes need not be sent again (304). */
export function cachingHeaders(hash: string): Headers {
  return ['ETag', formatEntityTag(hash), 'Cache-Control', SERVED_CACHING];
}

/** Headers of a signature that is sent; `length` in bytes. */
export function servedHeaders(length: number, hash: string): Headers {
  return [
    'Content-Type',
    'application/octet-stream',
    'Content-Length',
    String(length),
    'X-Content-Type-Options',
    'nosniff',
    ...cachingHeaders(hash),
  ];
}

function formatCaching(milliseconds: number): string {
  return `public, max-age=${Math.floor(milliseconds / 1000)}, stale-if-error=${STALE_IF_ERROR}`;
}

const SERVED_CACHING = formatCaching(SERVED_MAX_AGE);
