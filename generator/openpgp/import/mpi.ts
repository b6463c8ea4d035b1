// Multi-precision integers as GnuPG reads and writes them: the bit count is trusted for the length
// only, and written anew.
import { bigEndian } from '../packets/packets.ts';

/** An integer, and where it ends. */
export interface Mpi {
  /** Big-endian, without leading zeros. */
  readonly value: Uint8Array;
  /** As GnuPG writes it: with its true bit count. */
  readonly bytes: Uint8Array;
  readonly end: number;
}

const MAX_BITS = 16_384;

/** The integer at a place; undefined if it is too large or not all there. */
export function readMpi(bytes: Uint8Array, at: number): Mpi | undefined {
  const bits = bigEndian(bytes, at, at + 2);
  const end = at + 2 + Math.ceil(bits / 8);
  if (at + 2 > bytes.length || end > bytes.length || bits > MAX_BITS) return undefined;
  const all = bytes.subarray(at + 2, end);
  const start = all.findIndex((byte) => byte !== 0);
  const value = start < 0 ? new Uint8Array() : all.subarray(start);
  return { value, bytes: formatMpi(value), end };
}

/** Without leading zeros. */
function formatMpi(value: Uint8Array): Uint8Array {
  const header = Buffer.alloc(2);
  header.writeUInt16BE(bitsOf(value));
  return Buffer.concat([header, value]);
}

/** The number of bits of an integer without leading zeros. */
export function bitsOf(value: Uint8Array): number {
  return value.length === 0 ? 0 : value.length * 8 - Math.clz32(value[0] ?? 0) + 24;
}
