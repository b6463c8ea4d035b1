// Bytes as Go's readers of packets take them. What a packet does not read of its body is taken for the next
// packet, unless a buffer has swallowed it: so the order and size of reads is part of what a file means.
import { GoFault } from './go-fault.ts';

/** A source of bytes. */
export interface ByteStream {
  /**
   * At most `most` bytes, at least one; none at the end.
   * @throws GoFault where the stream is broken.
   */
  readonly read: (most: number) => Uint8Array;
  /** Gives back the last bytes that were read, so that they are read again. */
  readonly unread: (count: number) => void;
}

/** Of Go's bufio. Bytes. */
const BUFFER_SIZE = 4096;
const NONE = new Uint8Array();

/** Bytes in memory, and what comes behind them. */
export class MemoryStream implements ByteStream {
  readonly #bytes: Uint8Array;
  readonly #fault: GoFault | undefined;
  #at = 0;

  constructor(bytes: Uint8Array, fault?: GoFault) {
    this.#bytes = bytes;
    this.#fault = fault;
  }

  read(most: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + most);
    if (part.length === 0 && most > 0 && this.#fault) throw this.#fault;
    this.#at += part.length;
    return part;
  }

  unread(count: number): void {
    this.#at -= count;
  }
}

/** A body whose length is known (spanReader). */
export class SpanStream implements ByteStream {
  readonly #outer: ByteStream;
  #left: number;

  constructor(outer: ByteStream, length: number) {
    this.#outer = outer;
    this.#left = length;
  }

  read(most: number): Uint8Array {
    if (this.#left === 0) return NONE;
    const part = this.#outer.read(Math.min(most, this.#left));
    if (part.length === 0) throw new GoFault('unexpected-eof', 'unexpected EOF');
    this.#left -= part.length;
    return part;
  }

  unread(count: number): void {
    this.#left += count;
    this.#outer.unread(count);
  }
}

/** A body in pieces (partialLengthReader). */
export class PiecesStream implements ByteStream {
  readonly #outer: ByteStream;
  #left: number;
  #isLast = false;

  constructor(outer: ByteStream, first: number) {
    this.#outer = outer;
    this.#left = first;
  }

  read(most: number): Uint8Array {
    while (this.#left === 0) {
      if (this.#isLast) return NONE;
      const { length, isPartial } = readNewLength(this.#outer);
      this.#left = length;
      this.#isLast = !isPartial;
    }
    const part = this.#outer.read(Math.min(most, this.#left));
    if (part.length === 0) throw new GoFault('unexpected-eof', 'unexpected EOF');
    this.#left -= part.length;
    return part;
  }

  unread(): void {
    // Between the pieces lie their lengths: what is left of a compressed one in pieces is not read again.
  }
}

/** Reads ahead (bufio.Reader). */
export class BufferedStream implements ByteStream {
  readonly #outer: ByteStream;
  #buffer: Uint8Array = NONE;

  constructor(outer: ByteStream) {
    this.#outer = outer;
  }

  /** The next byte, which stays there; undefined at the end. */
  peek(): number | undefined {
    if (this.#buffer.length === 0) this.#buffer = this.#outer.read(BUFFER_SIZE);
    return this.#buffer[0];
  }

  read(most: number): Uint8Array {
    if (this.#buffer.length === 0) {
      if (most >= BUFFER_SIZE) return this.#outer.read(most);
      this.#buffer = this.#outer.read(BUFFER_SIZE);
    }
    const part = this.#buffer.subarray(0, most);
    this.#buffer = this.#buffer.subarray(part.length);
    return part;
  }

  unread(count: number): void {
    this.#outer.unread(count);
  }
}

/**
 * Exactly so many bytes.
 * @throws GoFault where there are fewer.
 */
export function readFull(stream: ByteStream, count: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = count;
  while (left > 0) {
    const part = stream.read(left);
    if (part.length === 0) throw new GoFault('unexpected-eof', 'unexpected EOF');
    parts.push(part);
    left -= part.length;
  }
  return parts.length === 1 ? (parts[0] ?? NONE) : Buffer.concat(parts);
}

/** One byte, as a number. */
export function readByte(stream: ByteStream): number {
  return readFull(stream, 1)[0] ?? 0;
}

/** All that is left. */
export function readAll(stream: ByteStream): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = stream.read(BUFFER_SIZE); part.length > 0; part = stream.read(BUFFER_SIZE)) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** A length in the new framing (RFC 4880, section 4.2.2). */
export function readNewLength(stream: ByteStream): { length: number; isPartial: boolean } {
  const first = readByte(stream);
  if (first < 192) return { length: first, isPartial: false };
  if (first < 224) {
    return { length: (first - 192) * 256 + readByte(stream) + 192, isPartial: false };
  }
  if (first < 255) return { length: 2 ** (first & 0x1f), isPartial: true };
  return { length: Buffer.from(readFull(stream, 4)).readUInt32BE(), isPartial: false };
}
