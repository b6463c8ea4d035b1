// OpenPGP packets in all framings of RFC 9580, section 4.2: also in those that no signing
// program writes, and with lengths that lie.

/** How a packet's header says its length; `partial` comes in pieces. */
export const FRAMINGS = [
  'old-1',
  'old-2',
  'old-4',
  'old-indeterminate',
  'new-1',
  'new-2',
  'new-5',
  'new-partial',
] as const;
export type Framing = (typeof FRAMINGS)[number];

export const TAG = {
  signature: 2,
  onePass: 4,
  compressed: 8,
  marker: 10,
  literal: 11,
} as const;

export interface Packet {
  readonly tag: number;
  readonly framing: Framing;
  readonly body: Buffer;
  /** Bytes that the header claims beyond the body; negative for too few. Not with `partial`. */
  readonly lengthError?: number;
  /** Size of a piece of a `partial` packet, a power of 2; 512 unless told. */
  readonly piece?: number;
}

const MAX_NEW_1 = 191;
const MAX_NEW_2 = 8383;

/** The bytes of packets. Where a length does not fit the framing, a longer one is taken. */
export function formatPackets(packets: readonly Packet[]): Buffer {
  return Buffer.concat(packets.flatMap(formatPacket));
}

function formatPacket(packet: Packet): Buffer[] {
  const { tag, framing, body, lengthError = 0 } = packet;
  const length = Math.max(0, body.length + lengthError);
  if (framing.startsWith('old-') && tag < 16) return [oldHeader(tag, framing, length), body];
  const start = Buffer.from([0xc0 | tag]);
  if (framing === 'new-partial') return [start, ...formatPieces(body, packet.piece ?? 512)];
  return [start, newLength(framing, length), body];
}

function oldHeader(tag: number, framing: Framing, length: number): Buffer {
  const start = 0x80 | (tag << 2);
  if (framing === 'old-indeterminate') return Buffer.from([start | 3]);
  if (framing === 'old-1' && length < 0x100) return Buffer.from([start, length]);
  const type = length < 0x10000 && framing !== 'old-4' ? 1 : 2;
  return Buffer.concat([Buffer.from([start | type]), bigEndian(length, 2 * type)]);
}

function newLength(framing: Framing, length: number): Buffer {
  const fitsTwo = length > MAX_NEW_1 && length <= MAX_NEW_2;
  if (length <= MAX_NEW_1 && framing !== 'new-5') return Buffer.from([length]);
  if (fitsTwo && framing !== 'new-5') {
    const rest = length - MAX_NEW_1 - 1;
    return Buffer.from([(rest >> 8) + 192, rest & 0xff]);
  }
  return Buffer.concat([Buffer.from([0xff]), bigEndian(length, 4)]);
}

function formatPieces(body: Buffer, piece: number): Buffer[] {
  const out: Buffer[] = [];
  let at = 0;
  for (; body.length - at > piece; at += piece) {
    out.push(Buffer.from([0xe0 | Math.log2(piece)]), body.subarray(at, at + piece));
  }
  const last = body.subarray(at);
  return [...out, newLength('new-1', last.length), last];
}

/** The packets that bytes consist of, or undefined when they are no row of whole packets. */
export function parsePackets(bytes: Buffer): readonly Packet[] | undefined {
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at++] ?? 0;
    if ((first & 0x80) === 0) return undefined;
    const isNew = (first & 0x40) !== 0;
    const tag = isNew ? first & 0x3f : (first >> 2) & 0x0f;
    const pieces: Buffer[] = [];
    let framing: Framing | undefined;
    for (let isPartial = true; isPartial;) {
      const length = isNew ? readNewLength(bytes, at) : readOldLength(bytes, at, first & 3);
      if (length === undefined || at + length.octets + length.bytes > bytes.length)
        return undefined;
      at += length.octets;
      pieces.push(bytes.subarray(at, at + length.bytes));
      at += length.bytes;
      framing ??= length.framing;
      isPartial = length.framing === 'new-partial';
    }
    packets.push({ tag, framing: framing ?? 'new-5', body: Buffer.concat(pieces) });
  }
  return packets;
}

interface Length {
  readonly framing: Framing;
  readonly octets: number;
  readonly bytes: number;
}

function readNewLength(bytes: Buffer, at: number): Length | undefined {
  const [first, second] = bytes.subarray(at, at + 2);
  if (first === undefined) return undefined;
  if (first <= MAX_NEW_1) return { framing: 'new-1', octets: 1, bytes: first };
  if (first < 224) {
    if (second === undefined) return undefined;
    return { framing: 'new-2', octets: 2, bytes: ((first - 192) << 8) + second + 192 };
  }
  if (first < 255) return { framing: 'new-partial', octets: 1, bytes: 2 ** (first & 0x1f) };
  if (at + 5 > bytes.length) return undefined;
  return { framing: 'new-5', octets: 5, bytes: bytes.readUInt32BE(at + 1) };
}

function readOldLength(bytes: Buffer, at: number, type: number): Length | undefined {
  if (type === 3) return { framing: 'old-indeterminate', octets: 0, bytes: bytes.length - at };
  const octets = 2 ** type;
  if (at + octets > bytes.length) return undefined;
  const framing = type === 0 ? 'old-1' : type === 1 ? 'old-2' : 'old-4';
  return { framing, octets, bytes: bytes.readUIntBE(at, octets) };
}

function bigEndian(value: number, octets: number): Buffer {
  const out = Buffer.alloc(octets);
  out.writeUIntBE(value, 0, octets);
  return out;
}
