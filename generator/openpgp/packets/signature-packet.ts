// A signature packet read byte by byte (RFC 9580, section 5.2; version 3: RFC 4880, section
// 5.2.2), for what must be known before an engine is chosen. It verifies nothing.
import { bigEndian } from './packets.ts';

/** What a signature packet says of itself. Untrusted. */
export interface SignaturePacket {
  readonly version: number;
  /** 0: over the bytes; 1: over the lines of a text. */
  readonly type: number;
  /** Numbers of RFC 9580, section 9.1. */
  readonly publicKeyAlgorithm: number;
  /** Numbers of RFC 9580, section 9.5. */
  readonly hashAlgorithm: number;
  /** The key that signed, 16 lower-case hex digits; undefined if it is not named, or twice. */
  readonly keyId: string | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970; Infinity if it does not expire. */
  readonly expiresAt: number;
  /** What the signature covers of the packet itself: version to the last hashed subpacket. */
  readonly signedFields: Uint8Array;
  /** The first two bytes of the hash. */
  readonly digestStart: Uint8Array;
  /** The numbers of the signature, as they lie in the packet. */
  readonly integers: Uint8Array;
  /** Whether it has no subpacket that engines could read differently. */
  readonly hasPlainSubpackets: boolean;
}

const CREATED = 2;
const EXPIRES = 3;
const ISSUER = 16;
const NOTATION = 20;
const POLICY_URI = 26;
const SIGNER_USER_ID = 28;
const ISSUER_FINGERPRINT = 33;

/** Subpackets that all engines read alike; a signature with any other is for gpgv. */
const PLAIN_HASHED = new Set([
  CREATED,
  EXPIRES,
  ISSUER,
  NOTATION,
  POLICY_URI,
  SIGNER_USER_ID,
  ISSUER_FINGERPRINT,
]);
const PLAIN_UNHASHED = new Set([ISSUER, ISSUER_FINGERPRINT]);

const ISSUER_BYTES = 8;
const VERSION_4_FINGERPRINT_BYTES = 21;
/** GnuPG adds times in 32 bits: later ones wrap around to 1970. */
export const LAST_SECOND = 2 ** 32 - 1;

interface Subpacket {
  readonly type: number;
  readonly isCritical: boolean;
  readonly body: Uint8Array;
}

/** Reads the body of a signature packet of version 3 or 4; undefined for any other. */
export function readSignaturePacket(body: Uint8Array): SignaturePacket | undefined {
  const [version] = body;
  if (version === 3) return readVersion3(body);
  return version === 4 ? readVersion4(body) : undefined;
}

function readVersion3(body: Uint8Array): SignaturePacket | undefined {
  if (body.length < 19 || body[1] !== 5) return undefined;
  const [type = 0, publicKeyAlgorithm = 0, hashAlgorithm = 0] = [body[2], body[15], body[16]];
  return {
    version: 3,
    type,
    publicKeyAlgorithm,
    hashAlgorithm,
    keyId: toHex(body.subarray(7, 15)),
    createdAt: toTime(body.subarray(3, 7)),
    expiresAt: Infinity,
    signedFields: body.subarray(2, 7),
    digestStart: body.subarray(17, 19),
    integers: body.subarray(19),
    hasPlainSubpackets: false,
  };
}

function readVersion4(body: Uint8Array): SignaturePacket | undefined {
  const [, type = 0, publicKeyAlgorithm = 0, hashAlgorithm = 0] = body;
  const hashedEnd = 6 + bigEndian(body, 4, 6);
  const unhashedEnd = hashedEnd + 2 + bigEndian(body, hashedEnd, hashedEnd + 2);
  const hashed = readSubpackets(body.subarray(6, hashedEnd));
  const unhashed = readSubpackets(body.subarray(hashedEnd + 2, unhashedEnd));
  const created = hashed?.find((subpacket) => subpacket.type === CREATED)?.body;
  if (!hashed || !unhashed || !created || unhashedEnd + 2 > body.length) return undefined;
  const createdAt = toTime(created);
  const lifetime = hashed.find((subpacket) => subpacket.type === EXPIRES)?.body;
  const seconds = lifetime ? bigEndian(lifetime) : 0;
  return {
    version: 4,
    type,
    publicKeyAlgorithm,
    hashAlgorithm,
    keyId: issuerOf([...hashed, ...unhashed]),
    createdAt,
    expiresAt: seconds === 0 ? Infinity : createdAt + seconds * 1000,
    signedFields: body.subarray(0, hashedEnd),
    digestStart: body.subarray(unhashedEnd, unhashedEnd + 2),
    integers: body.subarray(unhashedEnd + 2),
    hasPlainSubpackets:
      arePlain(hashed, PLAIN_HASHED) &&
      arePlain(unhashed, PLAIN_UNHASHED) &&
      [created, lifetime ?? created].every((field) => field.length === 4) &&
      createdAt / 1000 + seconds <= LAST_SECOND &&
      hasExactIntegers(body.subarray(unhashedEnd + 2)),
  };
}

/** Only time subpackets may be critical; only notations may repeat. */
function arePlain(subpackets: readonly Subpacket[], plain: ReadonlySet<number>): boolean {
  return subpackets.every(({ type, isCritical }, at) => {
    const isRepeated =
      type !== NOTATION && subpackets.findIndex((other) => other.type === type) < at;
    return plain.has(type) && !isRepeated && (!isCritical || type === CREATED || type === EXPIRES);
  });
}

/** The key ID in issuer and issuer fingerprint, if all that name one agree. */
function issuerOf(subpackets: readonly Subpacket[]): string | undefined {
  let id: string | undefined;
  for (const { type, body } of subpackets) {
    if (type !== ISSUER && type !== ISSUER_FINGERPRINT) continue;
    const bytes = type === ISSUER ? ISSUER_BYTES : VERSION_4_FINGERPRINT_BYTES;
    const named = toHex(body.subarray(-ISSUER_BYTES));
    if (body.length !== bytes || (id ?? named) !== named) return undefined;
    id = named;
  }
  return id;
}

function readSubpackets(area: Uint8Array): readonly Subpacket[] | undefined {
  const subpackets: Subpacket[] = [];
  let at = 0;
  while (at < area.length) {
    const [first = 0, second = 0] = area.subarray(at, at + 2);
    const octets = subpacketLengthOctets(first);
    const length =
      octets === 1
        ? first
        : octets === 2
          ? (first - 192) * 256 + second + 192
          : bigEndian(area, at + 1, at + 5);
    const from = at + octets;
    at = from + length;
    const type = area[from];
    if (length === 0 || at > area.length || type === undefined) return undefined;
    const body = area.subarray(from + 1, at);
    subpackets.push({ type: type & 0x7f, isCritical: type >= 0x80, body });
  }
  return subpackets;
}

function subpacketLengthOctets(first: number): 1 | 2 | 5 {
  if (first < 192) return 1;
  return first < 255 ? 2 : 5;
}

/** Whether the rest is one or more integers, each with its true bit count. */
function hasExactIntegers(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + 2 <= bytes.length) {
    const bits = bigEndian(bytes, at, at + 2);
    const first = bytes[at + 2] ?? 0;
    if (bits === 0 || 32 - Math.clz32(first) !== ((bits - 1) % 8) + 1) return false;
    at += 2 + Math.ceil(bits / 8);
  }
  return at === bytes.length && at > 0;
}

function toTime(seconds: Uint8Array): number {
  return bigEndian(seconds) * 1000;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
