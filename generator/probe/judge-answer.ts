// What an answer means for a node that asks for a signature which is not there: 404 is good, and all else
// fails the pull. Pure.
import type { IncomingHttpHeaders } from 'node:http';
import type { ProbeFindingCode } from './probe-finding.ts';
import { MAX_BLOB_BYTES } from '../openpgp/signature-file.ts';
import { type Asked, type NoAnswer, type StoreAnswer, isAnswer } from './answering.ts';

/** A fault by its code, and what came. */
export interface ProbeFault {
  readonly code: ProbeFindingCode;
  readonly got: string;
}

/** Longer than this, a 404 that a cache keeps hides a new signature. As long as a signature may be kept. Seconds. */
const LONGEST_KEPT = 60;

const BY_STATUS: Readonly<Record<number, ProbeFindingCode>> = {
  401: 'missing-needs-login',
  403: 'missing-forbidden',
  407: 'missing-needs-login',
  410: 'missing-gone',
  429: 'rate-limited',
};

/** Why nodes fail at an answer other than a signature; undefined for 404. */
export function judgeMissing(asked: Asked): ProbeFault | undefined {
  if (!isAnswer(asked)) return judgeSilence(asked);
  const { status } = asked;
  if (status === 404) return undefined;
  const got = `${describeStatus(asked)}, expected 404`;
  if (status === 200)
    return { code: hasMoved(asked) ? 'redirect-to-page' : 'missing-is-page', got };
  if (status >= 500) return { code: 'server-error', got };
  return { code: BY_STATUS[status] ?? 'unexpected-status', got };
}

/** Why there is no answer. */
export function judgeSilence({ failed, message, bytes }: NoAnswer): ProbeFault {
  switch (failed) {
    case 'connect':
      return { code: 'unreachable', got: message };
    case 'tls':
      return { code: 'tls-handshake', got: message };
    case 'silence':
      return { code: 'no-answer', got: message };
    case 'closed':
      return {
        code: 'no-answer',
        got: `the connection was closed without a whole answer: ${message}`,
      };
    case 'redirects':
      return { code: 'redirect-loop', got: message };
    case 'protocol':
      return bytes && isHttp2(bytes)
        ? { code: 'http2-only', got: 'frames of HTTP/2' }
        : { code: 'not-http', got: `something that is not HTTP/1.1: ${message}` };
  }
}

/** A status, what kind of body it has, and where it came from. */
export function describeStatus(answer: StoreAnswer): string {
  const { status, headers, hops } = answer;
  const type = headers['content-type'];
  const what = type === undefined || status === 404 ? '' : ` (${type})`;
  const via = hops.length === 0 ? '' : ` behind a redirect to ${hops.at(-1)}`;
  return `${status}${what}${via}`;
}

function hasMoved({ hops }: StoreAnswer): boolean {
  return hops.length > 0;
}

const FRAME_HEAD = 9;
const SETTINGS = 4;
const GOAWAY = 7;

/** Whether bytes begin with a frame that servers of HTTP/2 send first (RFC 9113, section 3.4). */
function isHttp2(bytes: Uint8Array): boolean {
  const [, , , type, , ...stream] = bytes.subarray(0, FRAME_HEAD);
  return (
    bytes.length >= FRAME_HEAD &&
    (type === SETTINGS || type === GOAWAY) &&
    stream.every((byte) => byte === 0)
  );
}

/** What became of the bytes of a 200 on their way; undefined where they are what was meant. */
export function judgeTransfer({ body, fault, headers }: StoreAnswer): ProbeFault | undefined {
  switch (fault) {
    case undefined:
      return undefined;
    case 'too-large':
      return { code: 'unreadable-signature', got: `too-large: more than ${MAX_BLOB_BYTES} bytes` };
    case 'encoding':
      return { code: 'encoding', got: `Content-Encoding: ${headers['content-encoding']}` };
    case 'wrong-length': {
      const length = headers['content-length'] ?? 'more';
      const isWhole = length === String(body.length);
      const got = `${isWhole ? 'more than ' : ''}${body.length} bytes, expected ${length}`;
      return { code: 'wrong-length', got };
    }
  }
}

/** How long caches may keep an answer, by what it says; undefined where it says nothing. Seconds. */
function findLifetime(headers: IncomingHttpHeaders): number | undefined {
  const control = headers['cache-control'];
  if (control !== undefined) {
    if (/\b(?:no-store|no-cache|private)\b/i.test(control)) return 0;
    const stale = secondsIn(control, 'stale-while-revalidate') ?? 0;
    const told = secondsIn(control, 's-maxage') ?? secondsIn(control, 'max-age');
    if (told !== undefined) return told + stale;
  }
  if (headers.expires === undefined) return undefined;
  const until = Date.parse(headers.expires) - Date.parse(headers.date ?? new Date().toUTCString());
  return Number.isNaN(until) ? 0 : Math.max(0, until / 1000);
}

function secondsIn(control: string, directive: string): number | undefined {
  const [, digits] =
    new RegExp(`(?:^|[\\s,])${directive}="?([0-9]{1,10})`, 'i').exec(control) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether a cache says that it had the answer; undefined if not. */
function findCache(headers: IncomingHttpHeaders): string | undefined {
  if (Number(headers.age) >= 1) return `Age: ${headers.age}`;
  for (const name of ['x-cache', 'x-cache-status', 'cf-cache-status', 'x-proxy-cache']) {
    const value = headers[name];
    if (typeof value === 'string' && /\bhit\b/i.test(value)) return `${name}: ${value}`;
  }
  // Varnish names two transactions where the answer is that of an earlier one.
  const varnish = headers['x-varnish'];
  return typeof varnish === 'string' && /[0-9] [0-9]/.test(varnish)
    ? `x-varnish: ${varnish}`
    : undefined;
}

/** What is wrong with how caches keep a 404; `again` is the answer to the same question a moment later. */
export function judgeKept(first: StoreAnswer, again: StoreAnswer): ProbeFault | undefined {
  const told = findLifetime(first.headers) ?? findLifetime(again.headers);
  const by = findCache(again.headers);
  if (told !== undefined && told > LONGEST_KEPT) {
    return { code: 'missing-kept', got: `a 404 that caches may keep for ${Math.round(told)} s` };
  }
  if (by === undefined || (told !== undefined && told > 0)) return undefined;
  const why = told === 0 ? 'although it says that it must not' : 'and nobody says for how long';
  return { code: 'missing-kept', got: `a 404 out of a cache (${by}), ${why}` };
}

/** Whether a page is a list of files, as web servers and buckets make it. */
export function isListing(body: Uint8Array): boolean {
  const start = Buffer.from(body.subarray(0, 4096)).toString('latin1');
  return /<title>\s*(?:Index of|Directory listing)|<ListBucketResult|<EnumerationResults/i.test(
    start,
  );
}
