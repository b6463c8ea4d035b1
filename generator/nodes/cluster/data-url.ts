// What Ignition has in place of a file's bytes: a data URL (RFC 2397), as plain text with escapes or in
// base64, and maybe compressed. The machine-config operator takes no other address
// (pkg/controller/common/helpers.go, DecodeIgnitionFileContents).
import { gunzipSync } from 'node:zlib';
import { hasCode } from '../../terms/errors.ts';
import type { FoundContent } from '../check/node-state.ts';

/** Above, no file of a node's configuration is meant; keys of many people have less. Bytes. */
const MAX_CONTENT_BYTES = 4 * 1024 * 1024;

const DATA_URL = /^data:([^,]*),/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const ESCAPES = /%(?![0-9A-Fa-f]{2})/;
/** Each escape stands for one byte. */
const ESCAPE_LENGTH = 3;

/** The bytes that a `source` with its `compression` stands for; without a source, an empty file. */
export function decodeContents(
  source: string | undefined,
  compression: string | undefined,
): FoundContent {
  if (source === undefined) return { kind: 'file', bytes: Buffer.alloc(0) };
  if (source.length > ESCAPE_LENGTH * MAX_CONTENT_BYTES) return unreadable('one that is too large');
  const packed = decodeDataUrl(source);
  if (packed === undefined) return unreadable('one whose source is not a data URL');
  if (compression === undefined || compression === '') return { kind: 'file', bytes: packed };
  if (compression !== 'gzip') return unreadable('one whose compression is not gzip');
  try {
    return { kind: 'file', bytes: gunzipSync(packed, { maxOutputLength: MAX_CONTENT_BYTES }) };
  } catch (error) {
    const isLarge = hasCode(error, 'ERR_BUFFER_TOO_LARGE');
    return unreadable(isLarge ? 'one that is too large' : 'one that is not compressed with gzip');
  }
}

function unreadable(reason: string): FoundContent {
  return { kind: 'unreadable', reason };
}

function decodeDataUrl(source: string): Buffer | undefined {
  const match = DATA_URL.exec(source);
  if (!match) return undefined;
  const [head, parameters = ''] = match;
  const data = source.slice(head.length);
  if (!/(?:^|;)base64$/.test(parameters)) return unescapeBytes(data);
  const digits = data.replaceAll('\n', '');
  return BASE64.test(digits) ? Buffer.from(digits, 'base64') : undefined;
}

/** Not decodeURIComponent: the bytes need not be UTF-8. */
function unescapeBytes(text: string): Buffer | undefined {
  if (ESCAPES.test(text)) return undefined;
  const pieces = text.split(/((?:%[0-9A-Fa-f]{2})+)/);
  return Buffer.concat(
    pieces.map((piece) =>
      piece.startsWith('%') ? Buffer.from(piece.replaceAll('%', ''), 'hex') : Buffer.from(piece),
    ),
  );
}
