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
  /** Its fingerprint, upper-case hex; undefined where only the ID is given. */
  readonly keyFingerprint: string | undefined;
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
  /** Whether its fields are, byte for byte, of the kinds that GnuPG writes. */
  readonly hasPlainFields: boolean;
}

const CREATED = 2;
const EXPIRES = 3;
const ISSUER = 16;
const NOTATION = 20;
const POLICY_URI = 26;
const SIGNER_USER_ID = 28;
const ISSUER_FINGERPRINT = 33;

/** A signature with any other subpacket is for gpgv. */
const PLAIN_HASHED = new Set([
  CREATED,
  EXPIRES,
  ISSUER,
  NOTATION,
  POLICY_URI,
  SIGNER_USER_ID,
  ISSUER_FINGERPRINT,
]);
const PLAIN_UNHASHED = new Set([ISSUER]);
/** GnuPG refuses a signature with more in either area (g10/parse-packet.c, parse_signature). Bytes. */
const MAX_AREA = 10_000;

const ISSUER_BYTES = 8;
const TIME_BYTES = 4;
/** Version and fingerprint of a key of version 4. */
const FINGERPRINT_BYTES = 21;
/** Of a notation: flags, and the lengths of name and value. */
const NOTATION_START = 8;
const TEXT_NOTATION = 0x80000000;
/** The longest subpacket whose length takes two octets as GnuPG writes it. */
const MAX_LENGTH_2 = 8383;
const RSA_ALGORITHMS: ReadonlySet<number> = new Set([1, 3]);
/** GnuPG adds times in 32 bits: later ones wrap around to 1970. */
export const LAST_SECOND = 2 ** 32 - 1;

interface Subpacket {
  readonly type: number;
  readonly isCritical: boolean;
  /** Whether its length takes no more octets than it needs. */
  readonly isShort: boolean;
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
    keyFingerprint: undefined,
    createdAt: toTime(body.subarray(3, 7)),
    expiresAt: Infinity,
    signedFields: body.subarray(2, 7),
    digestStart: body.subarray(17, 19),
    integers: body.subarray(19),
    hasPlainFields: false,
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
  const integers = body.subarray(unhashedEnd + 2);
  return {
    version: 4,
    type,
    publicKeyAlgorithm,
    hashAlgorithm,
    ...issuerOf(hashed, unhashed),
    createdAt,
    expiresAt: seconds === 0 ? Infinity : createdAt + seconds * 1000,
    signedFields: body.subarray(0, hashedEnd),
    digestStart: body.subarray(unhashedEnd, unhashedEnd + 2),
    integers,
    hasPlainFields:
      hashedEnd - 6 <= MAX_AREA &&
      unhashedEnd - hashedEnd - 2 <= MAX_AREA &&
      arePlain(hashed, PLAIN_HASHED) &&
      arePlain(unhashed, PLAIN_UNHASHED) &&
      createdAt / 1000 + seconds <= LAST_SECOND &&
      hasExactIntegers(integers, RSA_ALGORITHMS.has(publicKeyAlgorithm) ? 1 : 2),
  };
}

/** Only time subpackets may be critical; only notations may repeat. */
function arePlain(subpackets: readonly Subpacket[], plain: ReadonlySet<number>): boolean {
  return subpackets.every(({ type, isCritical, isShort, body }, at) => {
    const isRepeated =
      type !== NOTATION && subpackets.findIndex((other) => other.type === type) < at;
    return (
      plain.has(type) &&
      isShort &&
      !isRepeated &&
      (!isCritical || type === CREATED || type === EXPIRES) &&
      hasPlainBody(type, body)
    );
  });
}

function hasPlainBody(type: number, body: Uint8Array): boolean {
  switch (type) {
    case CREATED:
    case EXPIRES:
      return body.length === TIME_BYTES;
    case ISSUER:
      return body.length === ISSUER_BYTES;
    case ISSUER_FINGERPRINT:
      return isFingerprint(body);
    case NOTATION:
      return isTextNotation(body);
    default:
      return body.length > 0;
  }
}

/** gpg crashes at an empty value that is not said to be text (g10/build-packet.c, sig_to_notation). */
function isTextNotation(body: Uint8Array): boolean {
  const [nameLength, valueLength] = [bigEndian(body, 4, 6), bigEndian(body, 6, 8)];
  const isWhole = NOTATION_START + nameLength + valueLength === body.length;
  return isWhole && nameLength > 0 && bigEndian(body, 0, 4) === TEXT_NOTATION;
}

function isFingerprint(body: Uint8Array): boolean {
  return body.length === FINGERPRINT_BYTES && body[0] === 4;
}

/**
 * The key that GnuPG looks for: by a fingerprint that is hashed, else by the key ID wherever it is
 * (g10/getkey.c, get_pubkey_for_sig). Undefined unless all that could name one agree.
 */
function issuerOf(
  hashed: readonly Subpacket[],
  unhashed: readonly Subpacket[],
): Pick<SignaturePacket, 'keyId' | 'keyFingerprint'> {
  let id: Uint8Array | undefined;
  let fingerprint: Uint8Array | undefined;
  let isNamed = false;
  for (const area of [hashed, unhashed]) {
    for (const { type, body } of area) {
      if (type !== ISSUER && type !== ISSUER_FINGERPRINT) continue;
      const isExact = type === ISSUER ? body.length === ISSUER_BYTES : isFingerprint(body);
      const named = body.subarray(-ISSUER_BYTES);
      if (!isExact || !named.every((byte, at) => byte === (id ?? named)[at])) return NOBODY;
      id = named;
      if (type === ISSUER_FINGERPRINT && area === hashed) fingerprint = body.subarray(1);
      isNamed ||= type === ISSUER || area === hashed;
    }
  }
  if (!id || !isNamed) return NOBODY;
  if (!fingerprint) return { keyId: toHex(id), keyFingerprint: undefined };
  const hex = toHex(fingerprint);
  return { keyId: hex.slice(-2 * ISSUER_BYTES), keyFingerprint: hex.toUpperCase() };
}

const NOBODY = { keyId: undefined, keyFingerprint: undefined };

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
    const isShort = octets === shortestLengthOctets(length);
    subpackets.push({ type: type & 0x7f, isCritical: type >= 0x80, isShort, body });
  }
  return subpackets;
}

function shortestLengthOctets(length: number): 1 | 2 | 5 {
  if (length < 192) return 1;
  return length <= MAX_LENGTH_2 ? 2 : 5;
}

function subpacketLengthOctets(first: number): 1 | 2 | 5 {
  if (first < 192) return 1;
  return first < 255 ? 2 : 5;
}

/** Whether the bytes are so many integers, each with its true bit count. */
function hasExactIntegers(bytes: Uint8Array, count: number): boolean {
  let at = 0;
  for (let left = count; left > 0; left--) {
    const bits = bigEndian(bytes, at, at + 2);
    const first = bytes[at + 2] ?? 0;
    if (bits === 0 || 32 - Math.clz32(first) !== ((bits - 1) % 8) + 1) return false;
    at += 2 + Math.ceil(bits / 8);
  }
  return at === bytes.length;
}

function toTime(seconds: Uint8Array): number {
  return bigEndian(seconds) * 1000;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
