// Reads the plainest form of a request: one chunk with one complete GET without a body, as nodes write
// it. Everything else is left to Node's parser, so there is nothing that the two could read differently.

/** The same on most requests of a connection. */
export interface PlainHeaders {
  /** Everything behind the target. */
  readonly block: string;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
}

export interface PlainRequest {
  /** Begins with one slash; printable ASCII without `//`, `%`, `?`, `#`, quote and backslash. */
  readonly target: string;
  readonly headers: PlainHeaders;
}

/** In bytes. Requests of nodes have 200 to 500; Node's limit on headers is 16 KiB. */
const MAX_LENGTH = 4096;
const START = 'GET /';
const VERSION = ' HTTP/1.1\r\n';
const END = '\r\n\r\n';
const SLASH = 0x2f;
const SPACE = 0x20;
/** By byte: whether a plain target may have it. These neither change by decoding nor are escaped in a log. */
const IS_PLAIN: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  /[!$&-.0->@-[\]-~/]/.test(String.fromCharCode(byte)),
);
const HEADER = /^([a-z-]+): ([!-~](?:[ -~]*[!-~])?)$/i;
/** Headers that real clients send and that change neither the answer nor its framing. */
const HARMLESS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'connection',
  'docker-distribution-api-version',
  'host',
  'referer',
  'user-agent',
]);

/**
 * Reads a chunk that came where a request begins; undefined if it is not exactly one plain request.
 * `last` are the headers of the request before, which need no reading if they come again.
 */
export function readPlainRequest(
  chunk: Buffer,
  last: PlainHeaders | undefined,
): PlainRequest | undefined {
  if (chunk.length > MAX_LENGTH) return undefined;
  const text = chunk.toString('latin1');
  if (!text.startsWith(START)) return undefined;
  const space = findTargetEnd(chunk);
  if (space < 0) return undefined;
  const target = text.slice(START.length - 1, space);
  const block = text.slice(space);
  const headers = block === last?.block ? last : readHeaders(block);
  return headers && { target, headers };
}

/** The place of the space behind the target; -1 if the target is not plain. */
function findTargetEnd(chunk: Buffer): number {
  let last = SLASH;
  for (let at = START.length; at < chunk.length; at++) {
    const byte = chunk[at] ?? 0;
    if (byte === SPACE) return at;
    if (IS_PLAIN[byte] !== true || (byte === SLASH && last === SLASH)) return -1;
    last = byte;
  }
  return -1;
}

function readHeaders(block: string): PlainHeaders | undefined {
  if (!block.startsWith(VERSION) || !block.endsWith(END)) return undefined;
  const values = new Map<string, string>();
  for (const line of block.slice(VERSION.length, -END.length).split('\r\n')) {
    const [, written = '', value = ''] = HEADER.exec(line) ?? [];
    const name = written.toLowerCase();
    if (!HARMLESS.has(name) || values.has(name)) return undefined;
    values.set(name, value);
  }
  if (!values.has('host')) return undefined;
  if ((values.get('connection') ?? KEEP_ALIVE).toLowerCase() !== KEEP_ALIVE) return undefined;
  return { block, referer: values.get('referer'), userAgent: values.get('user-agent') };
}

const KEEP_ALIVE = 'keep-alive';
