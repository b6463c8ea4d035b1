/** A multi-precision integer (RFC 9580, section 3.2) of big-endian bytes. */
export function formatInteger(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Buffer.alloc(0) : bytes.subarray(start);
  const top = digits[0] ?? 0;
  const bits = digits.length === 0 ? 0 : digits.length * 8 - Math.clz32(top) + 24;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bits);
  return Buffer.concat([length, digits]);
}
