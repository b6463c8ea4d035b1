// The few pieces of DER (X.690) that keys and signatures are handed to OpenSSL in.

export function derSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, Buffer.concat(parts));
}

/** Of big-endian bytes without leading zeros. */
export function derInteger(value: Uint8Array): Uint8Array {
  const isHigh = (value[0] ?? 0) >= 0x80;
  const isEmpty = value.length === 0;
  return tagged(0x02, isHigh || isEmpty ? Buffer.concat([Buffer.of(0), value]) : value);
}

/** Of an object identifier in its encoded form. */
export function derOid(encoded: Uint8Array): Uint8Array {
  return tagged(0x06, encoded);
}

export function derBits(bytes: Uint8Array): Uint8Array {
  return tagged(0x03, Buffer.concat([Buffer.of(0), bytes]));
}

function tagged(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const octets =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : [0x82, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...octets]), content]);
}
