// The headers that say what was found; Node, or what stands in for it, adds those of the
// connection.

/** How long caches may keep a signature, in seconds: numbers can be given anew. */
const MAX_AGE = 60;

/** Names and values in turn, as writeHead takes them. */
export type Headers = readonly string[];

/** Of an answer without a body. An empty 404 lets the client use its connection again. */
export const EMPTY_HEADERS: Headers = ['Content-Length', '0', 'Cache-Control', 'no-store'];

/** By which caches know a signature; `hash` is that of the store. */
export function formatEntityTag(hash: string): string {
  return `"${hash}"`;
}

/** Of a signature, also where its bytes need not be sent again. */
export function cachingHeaders(hash: string): Headers {
  return ['ETag', formatEntityTag(hash), 'Cache-Control', `public, max-age=${MAX_AGE}`];
}

/** Of a signature that is sent; `length` in bytes. */
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
