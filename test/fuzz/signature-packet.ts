// The body of a version 4 signature packet (RFC 9580, section 5.2.3), taken apart so far
// that fields can be changed.

export interface SignatureFields {
  readonly version: number;
  readonly type: number;
  readonly publicKeyAlgorithm: number;
  readonly hashAlgorithm: number;
  /** Subpacket areas, without their lengths. */
  readonly hashed: Buffer;
  readonly unhashed: Buffer;
  /** The first two octets of the digest. */
  readonly digestStart: Buffer;
  /** The multi-precision integers of the signature. */
  readonly integers: Buffer;
}

/** Undefined for another version, and for what is cut short. */
export function parseSignature(body: Buffer): SignatureFields | undefined {
  const [version, type, publicKeyAlgorithm, hashAlgorithm] = body;
  if (version !== 4 || body.length < 10) return undefined;
  if (type === undefined || publicKeyAlgorithm === undefined || hashAlgorithm === undefined) {
    return undefined;
  }
  const hashedEnd = 6 + body.readUInt16BE(4);
  if (hashedEnd + 2 > body.length) return undefined;
  const unhashedEnd = hashedEnd + 2 + body.readUInt16BE(hashedEnd);
  return {
    version,
    type,
    publicKeyAlgorithm,
    hashAlgorithm,
    hashed: body.subarray(6, hashedEnd),
    unhashed: body.subarray(hashedEnd + 2, unhashedEnd),
    digestStart: body.subarray(unhashedEnd, unhashedEnd + 2),
    integers: body.subarray(unhashedEnd + 2),
  };
}

/** The inverse of {@link parseSignature}, for any fields. */
export function formatSignature(fields: SignatureFields): Buffer {
  return Buffer.concat([
    formatHashedPart(fields),
    withLength(fields.unhashed),
    fields.digestStart,
    fields.integers,
  ]);
}

/** The octets from the version to the end of the hashed subpackets, which are signed. */
export function formatHashedPart(
  fields: Omit<SignatureFields, 'unhashed' | 'digestStart' | 'integers'>,
): Buffer {
  const { version, type, publicKeyAlgorithm, hashAlgorithm, hashed } = fields;
  const start = Buffer.from([version, type, publicKeyAlgorithm, hashAlgorithm]);
  return Buffer.concat([start, withLength(hashed)]);
}

function withLength(area: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(area.length & 0xffff);
  return Buffer.concat([length, area]);
}
