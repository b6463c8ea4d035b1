// Signatures over a hash as Go's crypto/rsa, dsa and ecdsa compute them. RSA and DSA by hand: Go takes key sizes
// and forms of numbers that OpenSSL does not.
import { createPublicKey, hash, verify } from 'node:crypto';

/** An RSA key. */
export interface RsaNumbers {
  readonly kind: 'rsa';
  readonly modulus: bigint;
  readonly exponent: bigint;
}

/** A DSA key. */
export interface DsaNumbers {
  readonly kind: 'dsa';
  readonly p: bigint;
  readonly q: bigint;
  readonly g: bigint;
  readonly y: bigint;
}

/** A point on a NIST curve. */
export interface EcdsaNumbers {
  readonly kind: 'ecdsa';
  readonly curve: 'P-256' | 'P-384' | 'P-521';
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

export type KeyNumbers = RsaNumbers | DsaNumbers | EcdsaNumbers;

/** Hash algorithms by their numbers in OpenPGP; RIPEMD-160 is known to Go, but not linked in. */
export const GO_HASHES: Readonly<Record<number, string>> = {
  1: 'md5',
  2: 'sha1',
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
};
/** Its number: a message may name it, and cannot be verified. */
export const RIPEMD160 = 3;

/** What an RSA signature puts in front of the hash (RFC 8017, section 9.2, note 1). */
const PREFIXES: Readonly<Record<string, string>> = {
  md5: '3020300c06082a864886f70d020505000410',
  sha1: '3021300906052b0e03021a05000414',
  sha224: '302d300d06096086480165030402040500041c',
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};
const FIELD_BYTES = { 'P-256': 32, 'P-384': 48, 'P-521': 66 } as const;
/** Larger numbers are no keys, and take minutes. Bits. */
const MAX_BITS = 16_384;

/** What was signed, and with which hash. */
export interface SignedData {
  readonly bytes: Uint8Array;
  /** As Node calls it: by which the bytes are hashed. */
  readonly hashName: string;
  /** What the signature says that it was made with. */
  readonly namedHash: string | undefined;
}

/** Whether a key made a signature, given as the integers of its packet. */
export function isSignedBy(
  key: KeyNumbers,
  data: SignedData,
  integers: readonly Uint8Array[],
): boolean {
  const [first, second] = integers;
  if (!first) return false;
  switch (key.kind) {
    case 'rsa':
      return isRsaSignature(key, data, first);
    case 'dsa':
      return second !== undefined && isDsaSignature(key, data, toBigInt(first), toBigInt(second));
    case 'ecdsa':
      return second !== undefined && isEcdsaSignature(key, data, first, second);
  }
}

function isRsaSignature(
  { modulus, exponent }: RsaNumbers,
  { bytes, hashName, namedHash }: SignedData,
  integer: Uint8Array,
): boolean {
  const size = byteLength(modulus);
  const prefix = Buffer.from(PREFIXES[namedHash ?? ''] ?? '', 'hex');
  const digest = hash(hashName, bytes, 'buffer');
  // The hash that is named must be as long as the one that was computed.
  if (prefix.at(-1) !== digest.length || bitLength(modulus) > MAX_BITS) return false;
  const padding = size - prefix.length - digest.length - 3;
  if (padding < 8 || integer.length > size) return false;
  const expected = Buffer.concat([
    Buffer.from([0, 1]),
    Buffer.alloc(padding, 0xff),
    Buffer.from([0]),
    prefix,
    digest,
  ]);
  return power(toBigInt(integer), exponent, modulus) === toBigInt(expected);
}

function isDsaSignature(
  { p, q, g, y }: DsaNumbers,
  { bytes, hashName }: SignedData,
  r: bigint,
  s: bigint,
): boolean {
  if (p === 0n || q === 0n || bitLength(p) > MAX_BITS || bitLength(q) > MAX_BITS) return false;
  if (r < 1n || r >= q || s < 1n || s >= q || bitLength(q) % 8 !== 0) return false;
  const inverse = invert(s, q);
  if (inverse === undefined) return false;
  const z = toBigInt(hash(hashName, bytes, 'buffer').subarray(0, byteLength(q)));
  const product = power(g, (z * inverse) % q, p) * power(y, (r * inverse) % q, p);
  return (product % p) % q === r;
}

function isEcdsaSignature(
  { curve, x, y }: EcdsaNumbers,
  { bytes, hashName }: SignedData,
  r: Uint8Array,
  s: Uint8Array,
): boolean {
  const size = FIELD_BYTES[curve];
  const [whole, rest] = [toFixed(r, size), toFixed(s, size)];
  if (!whole || !rest) return false;
  const key = toEcdsaKey({ kind: 'ecdsa', curve, x, y });
  if (!key) return false;
  const signature = Buffer.concat([whole, rest]);
  return verify(hashName, bytes, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** The key as Node has it; undefined if its point is not on the curve. */
export function toEcdsaKey({ curve, x, y }: EcdsaNumbers) {
  try {
    const key = { kty: 'EC', crv: curve, x: encode(x), y: encode(y) };
    return createPublicKey({ format: 'jwk', key });
  } catch {
    return undefined;
  }
}

function encode(part: Uint8Array): string {
  return Buffer.from(part).toString('base64url');
}

/** How many bytes a coordinate has. */
export function fieldBytes(curve: EcdsaNumbers['curve']): number {
  return FIELD_BYTES[curve];
}

/** The number without its leading zeros, in so many bytes; undefined if it is larger. */
function toFixed(bytes: Uint8Array, size: number): Uint8Array | undefined {
  const start = bytes.findIndex((byte) => byte !== 0);
  const significant = start < 0 ? new Uint8Array() : bytes.subarray(start);
  if (significant.length > size) return undefined;
  const fixed = Buffer.alloc(size);
  fixed.set(significant, size - significant.length);
  return fixed;
}

/** An unsigned number, most significant byte first. */
export function toBigInt(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes).toString('hex');
  return hex === '' ? 0n : BigInt(`0x${hex}`);
}

function bitLength(number: bigint): number {
  return number === 0n ? 0 : number.toString(2).length;
}

function byteLength(number: bigint): number {
  return Math.ceil(bitLength(number) / 8);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n % modulus;
  let square = base % modulus;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The inverse of a number, by Euclid's algorithm; undefined if there is none. */
function invert(number: bigint, modulus: bigint): bigint | undefined {
  let [oldRest, rest] = [number % modulus, modulus];
  let [oldFactor, factor] = [1n, 0n];
  while (rest !== 0n) {
    const quotient = oldRest / rest;
    [oldRest, rest] = [rest, oldRest - quotient * rest];
    [oldFactor, factor] = [factor, oldFactor - quotient * factor];
  }
  return oldRest === 1n ? ((oldFactor % modulus) + modulus) % modulus : undefined;
}
