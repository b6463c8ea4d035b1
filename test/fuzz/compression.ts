import { deflateRawSync, deflateSync, inflateRawSync, inflateSync } from 'node:zlib';

/** Compression algorithms of RFC 9580, section 9.4, that are made here; bzip2 (3) is not. */
export const COMPRESSION = { none: 0, zip: 1, zlib: 2 } as const;

/** What a compressed data packet holds. */
export interface Compressed {
  readonly algorithm: number;
  readonly content: Buffer;
}

const MAX_CONTENT_BYTES = 1024 * 1024;

/** The body of a compressed data packet. Content of an algorithm not known here stays as it is. */
export function compress({ algorithm, content }: Compressed): Buffer {
  return Buffer.concat([Buffer.from([algorithm]), deflate(algorithm, content)]);
}

function deflate(algorithm: number, content: Buffer): Buffer {
  if (algorithm === COMPRESSION.zip) return deflateRawSync(content);
  return algorithm === COMPRESSION.zlib ? deflateSync(content) : content;
}

/** Opens the body of a compressed data packet; undefined for damaged ones and bzip2. */
export function decompress(body: Buffer): Compressed | undefined {
  const [algorithm] = body;
  const data = body.subarray(1);
  const limit = { maxOutputLength: MAX_CONTENT_BYTES };
  try {
    if (algorithm === COMPRESSION.none) return { algorithm, content: data };
    if (algorithm === COMPRESSION.zip) return { algorithm, content: inflateRawSync(data, limit) };
    if (algorithm === COMPRESSION.zlib) return { algorithm, content: inflateSync(data, limit) };
  } catch {
    return undefined;
  }
  return undefined;
}
