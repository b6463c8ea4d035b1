// OpenPGP packets by their headers alone (RFC 9580, section 4.2), read before any library or
// program is given the file: a walk of a million one-byte packets costs milliseconds here.
import { inflateRawSync, inflateSync } from 'node:zlib';
import { hasCode } from '../../terms/errors.ts';

/** Packet types (RFC 9580, section 5). */
export const TAG = {
  signature: 2,
  onePassSignature: 4,
  publicKey: 6,
  compressed: 8,
  literal: 11,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
} as const;

/** Types of the packets that a public key consists of (RFC 9580, section 10.1). */
export const PUBLIC_KEY_TAGS: ReadonlySet<number> = new Set([
  TAG.publicKey,
  TAG.signature,
  TAG.userId,
  TAG.userAttribute,
  TAG.publicSubkey,
]);

/** Types of keys that are private, and of packets that are encrypted or hold session keys. */
export const PRIVATE_TAGS: ReadonlySet<number> = new Set([5, 7]);
export const ENCRYPTED_TAGS: ReadonlySet<number> = new Set([1, 3, 9, 18, 20]);

/** One packet; its bytes are untrusted. */
export interface Packet {
  readonly tag: number;
  readonly body: Uint8Array;
  /** Header and body as they lie in the input. */
  readonly bytes: Uint8Array;
  /** Whether the body has a plain, definite length, and all of it is there. */
  readonly isWhole: boolean;
  /** Whether the body goes on to the end of the input, whatever that is. */
  readonly isIndeterminate: boolean;
}

/**
 * The first packets of a message, at most `limit` and one more. A body that is cut short is given
 * as far as it goes; bytes that are no packet header end the list with `isWhole` false.
 */
export function readPackets(bytes: Uint8Array, limit: number): readonly Packet[] {
  const packets: Packet[] = [];
  for (const packet of eachPacket(bytes)) {
    packets.push(packet);
    if (packets.length > limit) break;
  }
  return packets;
}

/** The same one by one, for callers that keep none: a packet of two bytes takes a hundred in memory. */
export function* eachPacket(bytes: Uint8Array): Generator<Packet> {
  for (let at = 0; at < bytes.length;) {
    const packet = packetAt(bytes, at);
    yield packet;
    at += packet.bytes.length;
  }
}

/**
 * The body that a packet would have if it started at `start`, as far as it is there; of one in
 * pieces only the first. Costs the same whatever the bytes are, so it may be asked of each.
 */
export function bodyAt(bytes: Uint8Array, start: number): Uint8Array {
  const length = lengthAt(bytes, start);
  const from = start + 1 + length.octets;
  return bytes.subarray(from, from + length.bytes);
}

/** How long the body of a packet in one piece says that it is. */
export function bodyLengthOf({ bytes }: Packet): number {
  return lengthAt(bytes, 0).bytes;
}

/**
 * A packet of our own making, framed as GnuPG frames it (build-packet.c): what it exported comes
 * out as it was. Tags above 15 have the new framing only.
 */
export function formatPacket(tag: number, body: Uint8Array): Uint8Array {
  const { length } = body;
  if (tag > MAX_OLD_TAG)
    return Buffer.concat([Buffer.from([0xc0 | tag]), newLengthOf(length), body]);
  const type = oldLengthType(length);
  const octets = 2 ** type;
  const header = Buffer.alloc(1 + octets);
  header[0] = 0x80 | (tag << 2) | type;
  header.writeUIntBE(length, 1, octets);
  return Buffer.concat([header, body]);
}

/** How many octets `formatPacket` puts in front of a body. */
export function packetHeaderLength(tag: number, length: number): number {
  return 1 + (tag > MAX_OLD_TAG ? newLengthOf(length).length : 2 ** oldLengthType(length));
}

function oldLengthType(length: number): number {
  return length < 0x100 ? 0 : length < 0x10000 ? 1 : 2;
}

const MAX_OLD_TAG = 15;

function newLengthOf(length: number): Uint8Array {
  if (length < 192) return Buffer.from([length]);
  if (length < 8384) return Buffer.from([((length - 192) >> 8) + 192, (length - 192) & 0xff]);
  const octets = Buffer.alloc(5, 0xff);
  octets.writeUInt32BE(length, 1);
  return octets;
}

/** A file of 4 MiB from a pipe comes in about 500. */
const MAX_PIECES = 1000;

function packetAt(bytes: Uint8Array, start: number): Packet {
  const first = bytes[start] ?? 0;
  if (!isPacketStart(first)) return brokenPacket(bytes, start, readTag(first));
  const tag = readTag(first);
  const length = lengthAt(bytes, start);
  const from = start + 1 + length.octets;
  if (length.isPartial) return partialPacket(bytes, start, tag);
  const end = from + length.bytes;
  return {
    tag,
    body: bytes.subarray(from, end),
    bytes: bytes.subarray(start, end),
    isWhole: !length.isIndeterminate && end <= bytes.length,
    isIndeterminate: length.isIndeterminate,
  };
}

function lengthAt(bytes: Uint8Array, start: number): Length {
  const first = bytes[start] ?? 0;
  return isNewFraming(first)
    ? newLength(bytes, start + 1)
    : oldLength(bytes, start + 1, first & 0x03);
}

/** Whether a packet may start with this byte. */
export function isPacketStart(first: number): boolean {
  return first >= 0x80;
}

/** Whether a packet that starts with this byte is in the newer of the two framings. */
export function isNewFraming(first: number): boolean {
  return (first & 0x40) !== 0;
}

const FIRST_PIECE = 0xe0;
const LENGTH_OF_FOUR_OCTETS = 0xff;

/** Whether the body of a packet comes in pieces, as the first octet of its length says. */
export function isInPieces({ bytes: [first = 0, length = 0] }: Packet): boolean {
  return isNewFraming(first) && length >= FIRST_PIECE && length < LENGTH_OF_FOUR_OCTETS;
}

/** The type in the first byte of a packet. */
export function readTag(first: number): number {
  return isNewFraming(first) ? first & 0x3f : (first >> 2) & 0x0f;
}

/** The rest of the input, if it cannot be read any further. */
function brokenPacket(bytes: Uint8Array, start: number, tag: number): Packet {
  const rest = bytes.subarray(start);
  return { tag, body: rest, bytes: rest, isWhole: false, isIndeterminate: false };
}

/** A body in pieces: what GnuPG writes when it does not know the length of its input. */
function partialPacket(bytes: Uint8Array, start: number, tag: number): Packet {
  const pieces: Uint8Array[] = [];
  let at = start + 1;
  let isPartial = true;
  while (isPartial && at < bytes.length) {
    if (pieces.length === MAX_PIECES) return brokenPacket(bytes, start, tag);
    const length = newLength(bytes, at);
    at += length.octets;
    pieces.push(bytes.subarray(at, at + length.bytes));
    at += length.bytes;
    ({ isPartial } = length);
  }
  const isWhole = !isPartial && at <= bytes.length;
  const body = Buffer.concat(pieces);
  return { tag, body, bytes: bytes.subarray(start, at), isWhole, isIndeterminate: false };
}

interface Length {
  /** Octets that the length itself takes. */
  readonly octets: number;
  /** Octets of the body, or of its next piece. */
  readonly bytes: number;
  readonly isPartial: boolean;
  readonly isIndeterminate: boolean;
}

function definite(octets: number, bytes: number): Length {
  return { octets, bytes, isPartial: false, isIndeterminate: false };
}

function newLength(bytes: Uint8Array, at: number): Length {
  const first = bytes[at] ?? 0;
  if (first < 192) return definite(1, first);
  if (first < 224) return definite(2, (first - 192) * 256 + (bytes[at + 1] ?? 0) + 192);
  if (first === 255) return definite(5, bigEndian(bytes, at + 1, at + 5));
  return { octets: 1, bytes: 2 ** (first & 0x1f), isPartial: true, isIndeterminate: false };
}

function oldLength(bytes: Uint8Array, at: number, type: number): Length {
  if (type === 3) {
    return { octets: 0, bytes: bytes.length - at, isPartial: false, isIndeterminate: true };
  }
  const octets = 2 ** type;
  return definite(octets, bigEndian(bytes, at, at + octets));
}

/** The unsigned number in a part of up to six octets, or in as much of it as is there. */
export function bigEndian(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let value = 0;
  const last = Math.min(end, bytes.length);
  for (let at = start; at < last; at++) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

export const UNCOMPRESSED = 0;
const ZIP = 1;
const ZLIB = 2;
/** Compression that can be undone here; bzip2 cannot. */
export const INFLATABLE: ReadonlySet<number> = new Set([ZIP, ZLIB]);
const TOO_LARGE = 'ERR_BUFFER_TOO_LARGE';
/** A signature inflates to less; zlib's own buffers are of 16 KiB. Bytes. */
const CHUNK_SIZE = 2048;

/**
 * What a compressed packet holds; undefined where that cannot be said here: bzip2, damaged, more
 * than `maxBytes`, or followed by anything behind the end of its stream.
 */
export function inflatePacket(body: Uint8Array, maxBytes: number): Uint8Array | undefined {
  const info = { consumed: 0 };
  const inflated = inflate(body, maxBytes, info);
  const isExact = info.consumed === body.length - 1;
  return inflated !== 'too large' && isExact ? inflated : undefined;
}

/** Inflates the body of a compressed packet, and says how many bytes its stream takes. */
export function inflate(
  body: Uint8Array,
  maxOutputLength: number,
  info = { consumed: 0 },
): Uint8Array | 'too large' | undefined {
  const stream = body.subarray(1);
  try {
    if (!INFLATABLE.has(body[0] ?? UNCOMPRESSED)) return undefined;
    const inflateSome = body[0] === ZIP ? inflateRawSync : inflateSync;
    const options = { chunkSize: CHUNK_SIZE, maxOutputLength, info: true };
    const result: unknown = inflateSome(stream, options);
    const { buffer, engine } = result as InflateResult;
    info.consumed = engine.bytesWritten;
    // Parts of it are cheaper to make than those of a Buffer.
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    return hasCode(error, TOO_LARGE) ? 'too large' : undefined;
  }
}

/** What zlib gives with `info`; its type declarations lack it. */
interface InflateResult {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}
