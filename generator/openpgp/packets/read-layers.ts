// The layers of a message as GnuPG reads them, which is not what the lengths of its packets say.
import {
  INFLATABLE,
  type Packet,
  TAG,
  UNCOMPRESSED,
  eachPacket,
  inflate,
  isInPieces,
  isPacketStart,
} from './packets.ts';

/** A packet, and what it holds if it is compressed. */
export interface LayerPacket extends Packet {
  /** Undefined where nothing is compressed, or where that cannot be said here: bzip2, damaged. */
  readonly inner: Uint8Array | 'too large' | undefined;
}

/** GnuPG fills its decompressors by so many bytes, and loses what it does not need of the last ones. */
const READ_AHEAD = 2048;

/**
 * The packets of a message or a layer of it. Of a compressed one that is not in pieces GnuPG ignores
 * the length (g10/parse-packet.c, parse_compressed): it reads to the end of the stream, some bytes
 * ahead of it (g10/compress.c, do_uncompress), and goes on behind those. A layer has at most
 * `maxBytes`.
 */
export function* readLayer(bytes: Uint8Array, maxBytes: number): Generator<LayerPacket> {
  for (let at = 0; at < bytes.length;) {
    const [packet] = eachPacket(bytes.subarray(at));
    if (!packet) return;
    const next = at + packet.bytes.length;
    if (packet.tag !== TAG.compressed || !isPacketStart(packet.bytes[0] ?? 0)) {
      yield { ...packet, inner: undefined };
      at = next;
    } else if (isInPieces(packet)) {
      yield { ...packet, inner: open(packet.body, maxBytes).inner };
      at = next;
    } else {
      const start = next - packet.body.length;
      const { inner, taken } = open(bytes.subarray(start), maxBytes);
      yield { ...packet, inner };
      // Where a stream ends that cannot be inflated here, only the length says.
      const length = taken ?? packet.body.length - 1;
      at = start + 1 + Math.ceil(length / READ_AHEAD) * READ_AHEAD;
    }
  }
}

interface Opened {
  readonly inner: LayerPacket['inner'];
  /** Bytes behind the number of the algorithm, where that is known. */
  readonly taken: number | undefined;
}

function open(body: Uint8Array, maxBytes: number): Opened {
  const [algorithm = UNCOMPRESSED] = body;
  if (algorithm === UNCOMPRESSED) return { inner: body.subarray(1), taken: body.length };
  const info = { consumed: 0 };
  const inner = inflate(body, maxBytes, info);
  if (inner instanceof Uint8Array) return { inner, taken: info.consumed };
  // GnuPG ends at a stream that is damaged.
  return { inner, taken: INFLATABLE.has(algorithm) ? body.length : undefined };
}

/** How many packets of a layer are looked at. */
const MAX_PACKETS = 1000;
/** All layers together may hold this many times what one layer may. */
const BOMB_BUDGET = 8;

/**
 * Whether any compressed packet, however deep, holds more than `maxBytes`; bzip2 is not inflated.
 * Reading such a message takes seconds.
 */
export function isBomb(bytes: Uint8Array, maxBytes: number): boolean {
  let budget = BOMB_BUDGET * maxBytes;
  const left: Uint8Array[] = [bytes];
  for (let next = left.pop(); next; next = left.pop()) {
    let count = 0;
    for (const { tag, inner } of readLayer(next, maxBytes)) {
      if (tag === TAG.compressed) {
        if (inner === 'too large') return true;
        budget -= (inner?.length ?? 0) + 1;
        if (budget < 0) return true;
        if (inner) left.push(inner);
      }
      if (++count > MAX_PACKETS) break;
    }
  }
  return false;
}

/**
 * How many signature packets GnuPG meets in a message, in whatever layers of compression; what cannot
 * be opened here holds one. The message is no bomb.
 */
export function countSignatures(bytes: Uint8Array, maxBytes: number): number {
  let found = 0;
  const left: Uint8Array[] = [bytes];
  for (let next = left.pop(); next; next = left.pop()) {
    let count = 0;
    for (const { tag, bytes: whole, inner } of readLayer(next, maxBytes)) {
      if (inner instanceof Uint8Array) left.push(inner);
      else if (isPacketStart(whole[0] ?? 0) && (tag === TAG.signature || tag === TAG.compressed)) {
        found++;
      }
      if (++count > MAX_PACKETS) break;
    }
  }
  return found;
}
