// Counts OpenPGP packets by their headers alone (RFC 9580, section 4.2). The library parses
// a packet in microseconds, but synchronously: a file of a million one-byte packets would
// stop the server for a minute. This count comes first, and is cheap.
import { inflateRawSync, inflateSync } from 'node:zlib';

const COMPRESSED_DATA = 8;
const ZIP = 1;
const ZLIB = 2;

/**
 * The number of packets and of pieces that packets come in, those inside a compressed packet
 * included; counting ends soon after `limit`. What does not parse counts as the end.
 */
export function countPackets(bytes: Uint8Array, limit: number, maxInflatedBytes: number): number {
  let count = 0;
  for (const packet of packetsOf(bytes, limit)) {
    count += packet.pieces;
    if (packet.tag === COMPRESSED_DATA) {
      for (const inner of packetsOf(inflate(packet.body, maxInflatedBytes), limit)) {
        count += inner.pieces;
        if (count > limit) break;
      }
    }
    if (count > limit) break;
  }
  return count;
}

interface Packet {
  readonly tag: number;
  readonly body: Uint8Array;
  /** 1, unless the packet has partial lengths. */
  readonly pieces: number;
}

function* packetsOf(bytes: Uint8Array, limit: number): Generator<Packet> {
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] ?? 0;
    const isNew = (first & 0x40) !== 0;
    const tag = isNew ? first & 0x3f : (first >> 2) & 0x0f;
    const pieces: Uint8Array[] = [];
    at++;
    for (let isPartial = true; isPartial && at < bytes.length && pieces.length <= limit;) {
      const length = isNew ? newLength(bytes, at) : oldLength(bytes, at, first & 0x03);
      ({ isPartial } = length);
      at += length.octets;
      pieces.push(bytes.subarray(at, at + length.bytes));
      at += length.bytes;
    }
    const [only = bytes.subarray(0, 0)] = pieces;
    const body = pieces.length === 1 ? only : Buffer.concat(pieces);
    yield { tag, body, pieces: pieces.length };
  }
}

interface Length {
  /** Octets that the length itself takes. */
  readonly octets: number;
  /** Octets of the body, or of its next piece. */
  readonly bytes: number;
  readonly isPartial: boolean;
}

function newLength(bytes: Uint8Array, at: number): Length {
  const [first = 0, second = 0] = bytes.subarray(at, at + 2);
  if (first < 192) return { octets: 1, bytes: first, isPartial: false };
  if (first < 224)
    return { octets: 2, bytes: (first - 192) * 256 + second + 192, isPartial: false };
  if (first < 255) return { octets: 1, bytes: 2 ** (first & 0x1f), isPartial: true };
  return { octets: 5, bytes: bigEndian(bytes.subarray(at + 1, at + 5)), isPartial: false };
}

function oldLength(bytes: Uint8Array, at: number, type: number): Length {
  // Type 3: up to the end of the file.
  if (type === 3) return { octets: 0, bytes: bytes.length - at, isPartial: false };
  const octets = 2 ** type;
  return { octets, bytes: bigEndian(bytes.subarray(at, at + octets)), isPartial: false };
}

function bigEndian(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

/** Nothing where it cannot be inflated here: damaged, too large, or bzip2. */
function inflate(body: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    if (body[0] === ZIP) return inflateRawSync(body.subarray(1), { maxOutputLength });
    if (body[0] === ZLIB) return inflateSync(body.subarray(1), { maxOutputLength });
  } catch {
    return new Uint8Array();
  }
  return new Uint8Array();
}
