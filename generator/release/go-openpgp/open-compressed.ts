// What a compressed packet holds, as Go's flate and zlib read it: they give what comes before a damage, and a
// signature that is whole by then counts.
import { constants, inflateRawSync } from 'node:zlib';
import { hasCode } from '../../terms/errors.ts';
import { MAX_BLOB_BYTES } from '../../openpgp/signature-file.ts';
import { type ByteStream, MemoryStream, readByte } from './byte-stream.ts';
import { GoFault } from './go-fault.ts';

const ZIP = 1;
const ZLIB = 2;
const BZIP2 = 3;
/** Go's decompressors read ahead by so many bytes, and keep what they do not need. */
const READ_AHEAD = 4096;
/** What zlib puts in front of the deflated bytes, and behind them. Bytes. */
const ZLIB_HEADER = 2;
const ZLIB_SUM = 4;
const TOO_LARGE = 'ERR_BUFFER_TOO_LARGE';
const TRUNCATED = 'Z_BUF_ERROR';
const UNEXPECTED_END = new GoFault('unexpected-eof', 'unexpected EOF');
const CORRUPT = new GoFault('foreign', 'the compressed data is corrupt');

interface Inflated {
  readonly bytes: Uint8Array;
  /** What is wrong behind them; undefined where the stream ends well. */
  readonly fault: GoFault | undefined;
  /** How many bytes the stream takes; all of them where it does not end well. */
  readonly consumed: number;
}

/**
 * Opens the body of a compressed packet. `isDirect`: nothing lies between it and the file, so that Go reads it
 * byte by byte.
 * @throws GoFault where Go cannot open it, or we cannot: bzip2, or more than a file may hold.
 */
export function openCompressed(body: ByteStream, isDirect: boolean): ByteStream {
  const algorithm = readByte(body);
  if (algorithm === BZIP2) throw new GoFault('beyond', 'it is compressed with bzip2');
  if (algorithm !== ZIP && algorithm !== ZLIB) {
    throw new GoFault('unsupported', `unknown compression algorithm: ${algorithm}`);
  }
  const { bytes: stream, fault: end = UNEXPECTED_END } = readToFault(body);
  const inflated = algorithm === ZIP ? inflateRaw(stream) : inflateZlib(stream);
  const { consumed } = inflated;
  const taken = isDirect ? consumed : Math.ceil(consumed / READ_AHEAD) * READ_AHEAD;
  body.unread(Math.max(0, stream.length - taken));
  const isCut = inflated.fault?.kind === 'unexpected-eof';
  return new MemoryStream(inflated.bytes, isCut ? end : inflated.fault);
}

function readToFault(stream: ByteStream): { bytes: Uint8Array; fault?: GoFault } {
  const parts: Uint8Array[] = [];
  try {
    for (let part = stream.read(READ_AHEAD); part.length > 0; part = stream.read(READ_AHEAD)) {
      parts.push(part);
    }
  } catch (error) {
    if (!(error instanceof GoFault)) throw error;
    return { bytes: Buffer.concat(parts), fault: error };
  }
  return { bytes: Buffer.concat(parts) };
}

/** RFC 1950. A preset dictionary is an error in Go, which is given none. */
function inflateZlib(stream: Uint8Array): Inflated {
  const [method = 0, flags = 0] = stream;
  if (stream.length < ZLIB_HEADER) throw UNEXPECTED_END;
  const isZlib = (method & 0x0f) === 8 && method >> 4 <= 7 && (method * 256 + flags) % 31 === 0;
  if (!isZlib || (flags & 0x20) !== 0) throw new GoFault('foreign', 'zlib: invalid header');
  const { bytes, fault, consumed: deflated } = inflateRaw(stream.subarray(ZLIB_HEADER));
  const sumAt = ZLIB_HEADER + deflated;
  const consumed = sumAt + ZLIB_SUM;
  if (fault) return { bytes, fault, consumed };
  if (consumed > stream.length) return { bytes, fault: UNEXPECTED_END, consumed };
  const sum = Buffer.from(stream.subarray(sumAt, consumed)).readUInt32BE();
  return { bytes, fault: sum === adler32(bytes) ? undefined : CORRUPT, consumed };
}

function inflateRaw(stream: Uint8Array): Inflated {
  const info = { consumed: 0 };
  try {
    const bytes = inflate(stream, constants.Z_FINISH, info);
    return { bytes, fault: undefined, consumed: info.consumed };
  } catch (error) {
    const consumed = stream.length;
    if (hasCode(error, TRUNCATED)) {
      return { bytes: inflate(stream, constants.Z_SYNC_FLUSH), fault: UNEXPECTED_END, consumed };
    }
    if (error instanceof GoFault) throw error;
    return { bytes: inflateGoodPart(stream), fault: CORRUPT, consumed };
  }
}

/** What comes out before the byte at which the stream is corrupt. */
function inflateGoodPart(stream: Uint8Array): Uint8Array {
  let good = 0;
  let bad = stream.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      inflate(stream.subarray(0, middle), constants.Z_SYNC_FLUSH);
      good = middle;
    } catch (error) {
      if (error instanceof GoFault) throw error;
      bad = middle;
    }
  }
  return inflate(stream.subarray(0, good), constants.Z_SYNC_FLUSH);
}

/** What zlib gives with `info`; its type declarations lack it. */
interface RawResult {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

function inflate(stream: Uint8Array, finishFlush: number, info = { consumed: 0 }): Uint8Array {
  try {
    const options = { finishFlush, maxOutputLength: MAX_BLOB_BYTES, info: true };
    const result: unknown = inflateRawSync(stream, options);
    const { buffer, engine } = result as RawResult;
    info.consumed = engine.bytesWritten;
    return buffer;
  } catch (error) {
    if (!hasCode(error, TOO_LARGE)) throw error;
    throw new GoFault('beyond', `it inflates to more than ${MAX_BLOB_BYTES} bytes`);
  }
}

/** RFC 1950, section 9. */
function adler32(bytes: Uint8Array): number {
  const base = 65_521;
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % base;
    high = (high + low) % base;
  }
  return high * 0x10000 + low;
}
