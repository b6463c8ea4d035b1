// What a key packet holds of a key, and how that key signs (RFC 9580, sections 5.2.3 and 5.5.5).
import { type KeyObject, createHash, createPublicKey, sign } from 'node:crypto';
import { formatInteger } from './integer.ts';

/** Hash algorithms of RFC 9580, section 9.5, by their numbers. */
export const HASHES: ReadonlyMap<number, string> = new Map([
  [1, 'md5'],
  [2, 'sha1'],
  [3, 'ripemd160'],
  [8, 'sha256'],
  [9, 'sha384'],
  [10, 'sha512'],
  [11, 'sha224'],
  [12, 'sha3-256'],
  [14, 'sha3-512'],
]);

export interface KeyMaterial {
  /** A number of RFC 9580, section 9.1. */
  readonly algorithm: number;
  /** The public numbers, as they lie in a key packet. */
  readonly parameters: Buffer;
  /** The numbers of a good signature, as they lie in a signature packet; `hash` is one of HASHES. */
  readonly sign: (hash: number, signed: Buffer) => Buffer;
}

const RSA = 1;
const DSA = 17;
const ECDSA = 19;
const EDDSA = 22;
const ED25519 = 27;
/** By Node's name; with the length in front. */
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: '082a8648ce3d030107',
  secp384r1: '052b81040022',
  secp521r1: '052b81040023',
  secp256k1: '052b8104000a',
  brainpoolP256r1: '092b2403030208010107',
  brainpoolP384r1: '092b240303020801010b',
  brainpoolP512r1: '092b240303020801010d',
};
const ED25519_CURVE = '092b06010401da470f01';
/** In front of a point that is written as it is, or with the curve's own encoding. */
const UNCOMPRESSED = 0x04;
const NATIVE = Buffer.from([0x40]);
const ED25519_BYTES = 32;

export function digestOf(hash: number, signed: Buffer): Buffer {
  return createHash(HASHES.get(hash) ?? '')
    .update(signed)
    .digest();
}

/** The material of an RSA, DSA, EC or Ed25519 key; the last as the newer algorithm if `isNew`. */
export function toKeyMaterial(secret: KeyObject, isNew = false): KeyMaterial {
  const der = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  const type = secret.asymmetricKeyType;
  if (type === 'rsa') return rsaMaterial(secret);
  if (type === 'dsa') return dsaMaterial(secret, der);
  if (type === 'ec') return ecMaterial(secret, der);
  return isNew ? ed25519Material(secret, der) : eddsaMaterial(secret, der);
}

function dsaMaterial(secret: KeyObject, der: Buffer): KeyMaterial {
  return {
    algorithm: DSA,
    parameters: Buffer.concat(dsaIntegers(der).map(formatInteger)),
    sign: (hash, signed) => signWithPair(secret, hash, signed),
  };
}

function rsaMaterial(secret: KeyObject): KeyMaterial {
  const { n = '', e = '' } = createPublicKey(secret).export({ format: 'jwk' });
  const integers = [n, e].map((text) => formatInteger(Buffer.from(text, 'base64url')));
  return {
    algorithm: RSA,
    parameters: Buffer.concat(integers),
    sign: (hash, signed) => formatInteger(sign(HASHES.get(hash) ?? '', signed, secret)),
  };
}

function ecMaterial(secret: KeyObject, der: Buffer): KeyMaterial {
  const curve = CURVES[secret.asymmetricKeyDetails?.namedCurve ?? ''] ?? '';
  // The point is the last bit string in the DER.
  const size = Math.ceil(fieldBits(secret) / 8);
  const point = der.subarray(-(1 + 2 * size));
  if (point[0] !== UNCOMPRESSED) throw new Error('expected an uncompressed point');
  return {
    algorithm: ECDSA,
    parameters: Buffer.concat([Buffer.from(curve, 'hex'), formatInteger(point)]),
    sign: (hash, signed) => signWithPair(secret, hash, signed),
  };
}

function fieldBits(secret: KeyObject): number {
  const name = secret.asymmetricKeyDetails?.namedCurve ?? '';
  return name === 'prime256v1' ? 256 : Number(/\d{3}/.exec(name)?.[0]);
}

/** Two numbers of the same length, one behind the other. */
function signWithPair(secret: KeyObject, hash: number, signed: Buffer): Buffer {
  const key = { key: secret, dsaEncoding: 'ieee-p1363' } as const;
  return formatHalves(sign(HASHES.get(hash) ?? '', signed, key));
}

function formatHalves(pair: Buffer): Buffer {
  const half = pair.length / 2;
  return Buffer.concat([pair.subarray(0, half), pair.subarray(half)].map(formatInteger));
}

function eddsaMaterial(secret: KeyObject, der: Buffer): KeyMaterial {
  const point = Buffer.concat([NATIVE, der.subarray(-ED25519_BYTES)]);
  return {
    algorithm: EDDSA,
    parameters: Buffer.concat([Buffer.from(ED25519_CURVE, 'hex'), formatInteger(point)]),
    sign: (hash, signed) => formatHalves(sign(null, digestOf(hash, signed), secret)),
  };
}

function ed25519Material(secret: KeyObject, der: Buffer): KeyMaterial {
  return {
    algorithm: ED25519,
    parameters: der.subarray(-ED25519_BYTES),
    sign: (hash, signed) => sign(null, digestOf(hash, signed), secret),
  };
}

/** p, q, g and y out of a DSA key in DER: all integers in it, in their order. */
function dsaIntegers(der: Buffer): readonly Buffer[] {
  const integers: Buffer[] = [];
  const [SEQUENCE, INTEGER, BIT_STRING] = [0x30, 0x02, 0x03];
  for (let at = 0; at < der.length;) {
    const [tag, first = 0] = der.subarray(at, at + 2);
    const octets = first < 0x80 ? 0 : first & 0x7f;
    const length = octets === 0 ? first : der.readUIntBE(at + 2, octets);
    at += 2 + octets;
    if (tag === INTEGER) integers.push(der.subarray(at, at + length));
    if (tag === BIT_STRING) at += 1;
    else if (tag !== SEQUENCE) at += length;
  }
  return integers;
}
