// Signature packets as Go reads them (x/crypto/openpgp/packet, signature.go and signature_v3.go).
import { type ByteStream, MemoryStream, readByte, readFull } from './byte-stream.ts';
import { GoFault } from './go-fault.ts';
import { GO_HASHES, RIPEMD160 } from './go-numbers.ts';

/** A signature packet of version 2, 3 or 4. Untrusted. */
export interface GoSignature {
  readonly version: 3 | 4;
  readonly type: number;
  readonly algorithm: number;
  /** As Node calls it; undefined for RIPEMD-160, with which nothing can be verified. */
  readonly hashName: string | undefined;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** What is hashed behind the signed data. */
  readonly suffix: Uint8Array;
  /** The first two bytes of the hash. */
  readonly hashTag: Uint8Array;
  readonly integers: readonly Uint8Array[];
  readonly subpackets: GoSubpackets;
}

/** What Go takes from the subpackets. */
export interface GoSubpackets {
  /** Seconds since 1970. */
  createdAt?: number;
  /** Seconds. */
  lifetime?: number;
  /** 16 lower-case hex digits. */
  issuer?: string;
  isPrimary?: boolean;
  /** Undefined where no flags are given. */
  keyFlags?: number;
  hasRevocationReason?: boolean;
  embedded?: GoSignature;
}

/** Numbers of RFC 4880, section 9.1. */
export const GO_RSA: ReadonlySet<number> = new Set([1, 3]);
export const GO_DSA = 17;
export const GO_ECDSA = 19;
/** Types of RFC 4880, section 5.2.1. */
export const GO_SIGNATURE_TYPE = {
  binary: 0x00,
  text: 0x01,
  genericCertification: 0x10,
  positiveCertification: 0x13,
  subkeyBinding: 0x18,
  primaryKeyBinding: 0x19,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
} as const;

/** Types of RFC 4880, section 5.2.3.1. */
const CREATED = 2;
const EXPIRES = 3;
const KEY_EXPIRES = 9;
const ISSUER = 16;
const PRIMARY_USER_ID = 25;
const KEY_FLAGS = 27;
const REVOCATION_REASON = 29;
const EMBEDDED_SIGNATURE = 32;
/** Known, and of no matter here: preferred algorithms and features. */
const PASSED_OVER: ReadonlySet<number> = new Set([11, 21, 22, 30]);

/** An integer (RFC 4880, section 3.2). */
export function readInteger(stream: ByteStream): Uint8Array {
  const bits = Buffer.from(readFull(stream, 2)).readUInt16BE();
  return readFull(stream, Math.ceil(bits / 8));
}

/** Whether Go knows a hash by its number. */
export function isGoHash(id: number): boolean {
  return id === RIPEMD160 || GO_HASHES[id] !== undefined;
}

/**
 * Reads the body of a signature packet of version 4.
 * @throws GoFault
 */
export function readSignature4(stream: ByteStream): GoSignature {
  const version = readByte(stream);
  if (version !== 4) throw new GoFault('unsupported', `signature packet version ${version}`);
  const fields = readFull(stream, 5);
  const [type = 0, algorithm = 0, hashId = 0] = fields;
  const isEcdsa = algorithm === GO_ECDSA;
  if (!GO_RSA.has(algorithm) && algorithm !== GO_DSA && !isEcdsa) {
    throw new GoFault('unsupported', `public key algorithm ${algorithm}`);
  }
  if (!isGoHash(hashId)) throw new GoFault('unsupported', `hash function ${hashId}`);
  const hashed = readFull(stream, Buffer.from(fields).readUInt16BE(3));
  const subpackets: GoSubpackets = {};
  readSubpackets(hashed, subpackets, true);
  const unhashed = readFull(stream, Buffer.from(readFull(stream, 2)).readUInt16BE());
  readSubpackets(unhashed, subpackets, false);
  const trailer = Buffer.from([4, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(6 + hashed.length, 2);
  return {
    version: 4,
    type,
    algorithm,
    hashName: GO_HASHES[hashId],
    createdAt: subpackets.createdAt ?? 0,
    suffix: Buffer.concat([Buffer.from([4]), fields, hashed, trailer]),
    hashTag: readFull(stream, 2),
    integers: readIntegers(stream, algorithm),
    subpackets,
  };
}

/**
 * Reads the body of a signature packet of an older version.
 * @throws GoFault
 */
export function readSignature3(stream: ByteStream): GoSignature {
  const version = readByte(stream);
  if (version < 2 || version > 3) {
    throw new GoFault('unsupported', `signature packet version ${version}`);
  }
  const hashedLength = readByte(stream);
  if (hashedLength !== 5) {
    throw new GoFault('unsupported', `invalid hashed material length ${hashedLength}`);
  }
  const suffix = readFull(stream, 5);
  const issuer = Buffer.from(readFull(stream, 8)).toString('hex');
  const [algorithm = 0, hashId = 0] = readFull(stream, 2);
  if (!GO_RSA.has(algorithm) && algorithm !== GO_DSA) {
    throw new GoFault('unsupported', `public key algorithm ${algorithm}`);
  }
  if (!isGoHash(hashId)) throw new GoFault('unsupported', `hash function ${hashId}`);
  return {
    version: 3,
    type: suffix[0] ?? 0,
    algorithm,
    hashName: GO_HASHES[hashId],
    createdAt: Buffer.from(suffix).readUInt32BE(1),
    suffix,
    hashTag: readFull(stream, 2),
    integers: readIntegers(stream, algorithm),
    subpackets: { issuer },
  };
}

function readIntegers(stream: ByteStream, algorithm: number): readonly Uint8Array[] {
  const first = readInteger(stream);
  return GO_RSA.has(algorithm) ? [first] : [first, readInteger(stream)];
}

function readSubpackets(area: Uint8Array, into: GoSubpackets, isHashed: boolean): void {
  let rest = area;
  while (rest.length > 0) {
    const { subpacket, behind } = splitSubpacket(rest);
    rest = behind;
    takeSubpacket(subpacket, into, isHashed);
  }
  if (into.createdAt === undefined) {
    throw new GoFault('structural', 'no creation time in signature');
  }
}

function splitSubpacket(area: Uint8Array): { subpacket: Uint8Array; behind: Uint8Array } {
  const [first = 0, second = 0] = area;
  const octets = first < 192 ? 1 : first < 255 ? 2 : 5;
  if (area.length < octets) throw new GoFault('structural', 'signature subpacket truncated');
  const length =
    octets === 1
      ? first
      : octets === 2
        ? (first - 192) * 256 + second + 192
        : Buffer.from(area).readUInt32BE(1);
  const end = octets + length;
  if (end > area.length) throw new GoFault('structural', 'signature subpacket truncated');
  if (length === 0) throw new GoFault('structural', 'zero length signature subpacket');
  return { subpacket: area.subarray(octets, end), behind: area.subarray(end) };
}

function takeSubpacket(subpacket: Uint8Array, into: GoSubpackets, isHashed: boolean): void {
  const [first = 0] = subpacket;
  const type = first & 0x7f;
  const body = subpacket.subarray(1);
  switch (type) {
    case CREATED:
      if (!isHashed) throw new GoFault('structural', 'signature creation time in non-hashed area');
      into.createdAt = readSeconds(body, 'signature creation time');
      return;
    case ISSUER:
      if (body.length !== 8) throw new GoFault('structural', 'issuer subpacket with bad length');
      into.issuer = Buffer.from(body).toString('hex');
      return;
    case EMBEDDED_SIGNATURE:
      takeEmbedded(body, into);
      return;
    case EXPIRES:
    case KEY_EXPIRES:
    case PRIMARY_USER_ID:
    case KEY_FLAGS:
    case REVOCATION_REASON:
      if (isHashed) takeHashedOnly(type, body, into);
      return;
    default:
      if (first >= 0x80 && !PASSED_OVER.has(type)) {
        throw new GoFault('unsupported', `unknown critical signature subpacket type ${type}`);
      }
  }
}

function takeHashedOnly(type: number, body: Uint8Array, into: GoSubpackets): void {
  const [first] = body;
  if (type === EXPIRES) {
    into.lifetime = readSeconds(body, 'expiration subpacket');
  } else if (type === KEY_EXPIRES) {
    readSeconds(body, 'key expiration subpacket');
  } else if (type === PRIMARY_USER_ID) {
    if (body.length !== 1) {
      throw new GoFault('structural', 'primary user id subpacket with bad length');
    }
    into.isPrimary = first !== 0;
  } else if (first === undefined) {
    throw new GoFault('structural', `empty signature subpacket of type ${type}`);
  } else if (type === KEY_FLAGS) {
    into.keyFlags = (into.keyFlags ?? 0) | first;
  } else {
    into.hasRevocationReason = true;
  }
}

function takeEmbedded(body: Uint8Array, into: GoSubpackets): void {
  if (into.embedded) throw new GoFault('structural', 'Cannot have multiple embedded signatures');
  const embedded = readSignature4(new MemoryStream(body));
  if (embedded.type !== GO_SIGNATURE_TYPE.primaryKeyBinding) {
    throw new GoFault('structural', `cross-signature has unexpected type ${embedded.type}`);
  }
  into.embedded = embedded;
}

function readSeconds(body: Uint8Array, name: string): number {
  if (body.length !== 4) throw new GoFault('structural', `${name} with bad length`);
  return Buffer.from(body).readUInt32BE();
}
