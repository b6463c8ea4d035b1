/** One subpacket of a version 4 signature (RFC 9580, section 5.2.3.7). */
export interface Subpacket {
  readonly type: number;
  readonly data: Buffer;
  readonly critical?: boolean;
  /** Writes the length in five octets, where one would do. */
  readonly isLong?: boolean;
}

const CRITICAL = 0x80;

/** A subpacket area without its own length. */
export function formatSubpackets(subpackets: readonly Subpacket[]): Buffer {
  return Buffer.concat(
    subpackets.flatMap(({ type, data, critical = false, isLong = false }) => [
      formatLength(data.length + 1, isLong),
      Buffer.from([critical ? type | CRITICAL : type]),
      data,
    ]),
  );
}

function formatLength(length: number, isLong: boolean): Buffer {
  if (length < 192 && !isLong) return Buffer.from([length]);
  if (length <= 8383 && !isLong) {
    return Buffer.from([192 + ((length - 192) >> 8), (length - 192) & 0xff]);
  }
  const out = Buffer.alloc(5, 0xff);
  out.writeUInt32BE(length, 1);
  return out;
}

/** 0xNNNNNNNN as four octets, as times and durations are written. */
export function formatSeconds(seconds: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(seconds >>> 0);
  return out;
}

/** The data of a notation subpacket; its flags say whether the value is text. */
export function formatNotation(name: string, value: string, isText = true): Buffer {
  const lengths = Buffer.alloc(4);
  lengths.writeUInt16BE(Buffer.byteLength(name), 0);
  lengths.writeUInt16BE(Buffer.byteLength(value), 2);
  const flags = Buffer.from([isText ? 0x80 : 0, 0, 0, 0]);
  return Buffer.concat([flags, lengths, Buffer.from(name), Buffer.from(value)]);
}
