// A primary key or subkey as GnuPG reads and writes it (g10/parse-packet.c: parse_key), ready to
// verify with.
import { type KeyObject, createHash, createPublicKey } from 'node:crypto';
import { bigEndian } from '../packets/packets.ts';
import { derBits, derInteger, derOid, derSequence } from './der.ts';
import { bitsOf, readMpi } from './mpi.ts';

/** A key packet of version 4. */
export interface KeyPart {
  readonly kind: 'primary' | 'subkey';
  /** As GnuPG writes it again. */
  readonly body: Uint8Array;
  /** Seconds since 1970. */
  readonly created: number;
  /** RFC 9580, section 9.1. */
  readonly algorithm: number;
  /** Upper-case hex. */
  readonly fingerprint: string;
  /** The last 16 digits, lower-case. */
  readonly keyId: string;
  /** What signatures cover of it. */
  readonly hashed: Uint8Array;
  readonly material: KeyMaterial;
}

/** What verifies signatures by a key. */
export type KeyMaterial =
  | { readonly kind: 'rsa'; readonly key: KeyObject; readonly modulus: Uint8Array }
  /** `bits` of the order of the group, as GnuPG counts them. */
  | { readonly kind: 'dsa' | 'ecdsa'; readonly key: KeyObject; readonly bits: number }
  | { readonly kind: 'ed25519'; readonly key: KeyObject }
  /** GnuPG cannot verify with it. */
  | { readonly kind: 'unsupported' }
  /** GnuPG may be able to, and we are not. */
  | { readonly kind: 'unknown' };

export const ALGORITHM = {
  rsa: 1,
  rsaEncrypt: 2,
  rsaSign: 3,
  elgamal: 16,
  dsa: 17,
  ecdh: 18,
  ecdsa: 19,
  elgamalOld: 20,
  eddsa: 22,
} as const;

const MPI = 'mpi';
const SIZED = 'sized';
const PARAMETERS: ReadonlyMap<number, readonly (typeof MPI | typeof SIZED)[]> = new Map([
  [ALGORITHM.rsa, [MPI, MPI]],
  [ALGORITHM.rsaEncrypt, [MPI, MPI]],
  [ALGORITHM.rsaSign, [MPI, MPI]],
  [ALGORITHM.elgamal, [MPI, MPI, MPI]],
  [ALGORITHM.elgamalOld, [MPI, MPI, MPI]],
  [ALGORITHM.dsa, [MPI, MPI, MPI, MPI]],
  [ALGORITHM.ecdh, [SIZED, MPI, SIZED]],
  [ALGORITHM.ecdsa, [SIZED, MPI]],
  [ALGORITHM.eddsa, [SIZED, MPI]],
]);
const SHORTEST = 12;
const LONGEST = 256 * 1024;
const START = 6;

const ED25519 = '2b06010401da470f01';
const EC_PUBLIC_KEY = Buffer.from('2a8648ce3d0201', 'hex');
const DSA_PUBLIC_KEY = Buffer.from('2a8648ce380401', 'hex');
/** OpenSSL verifies with no others. */
const DSA_ORDERS: ReadonlySet<number> = new Set([160, 224, 256]);
const LEAST_ORDER = 160;
const MAX_RSA_BITS_WITH_ANY_EXPONENT = 3072;
const MAX_EXPONENT_BITS = 64;

/** Reads the body of a key packet of version 4; undefined if it cannot be read, which ends an import. */
export function readKeyPart(kind: KeyPart['kind'], body: Uint8Array): KeyPart | undefined {
  if (body.length < SHORTEST || body.length > LONGEST) return undefined;
  const algorithm = body[START - 1] ?? 0;
  const parameters = readParameters(body, algorithm);
  if (!parameters) return undefined;
  const written = Buffer.concat([body.subarray(0, START), ...parameters.map(({ bytes }) => bytes)]);
  const header = Buffer.from([0x99, (written.length >> 8) & 0xff, written.length & 0xff]);
  const hashed = Buffer.concat([header, written]);
  const fingerprint = createHash('sha1').update(hashed).digest('hex').toUpperCase();
  const values = parameters.map(({ value }) => value);
  let material: KeyMaterial | undefined;
  return {
    kind,
    body: written,
    created: bigEndian(body, 1, 5),
    algorithm,
    fingerprint,
    keyId: fingerprint.slice(-16).toLowerCase(),
    hashed,
    get material() {
      return (material ??= toMaterial(algorithm, values));
    },
  };
}

/** Whether GnuPG takes a key packet that the file ends in: it reads on behind the end, as if it had none. */
export function isCutKeyTaken(body: Uint8Array, length: number): boolean {
  const [version, , , , , algorithm = 0xff] = body;
  return version === 4 && length >= SHORTEST && length <= LONGEST && !PARAMETERS.has(algorithm);
}

interface Parameter {
  readonly value: Uint8Array;
  readonly bytes: Uint8Array;
}

function readParameters(body: Uint8Array, algorithm: number): readonly Parameter[] | undefined {
  const kinds = PARAMETERS.get(algorithm);
  if (!kinds) return [{ value: body.subarray(START), bytes: body.subarray(START) }];
  const parameters: Parameter[] = [];
  let at = START;
  for (const kind of kinds) {
    const read = kind === MPI ? readMpi(body, at) : readSized(body, at);
    if (!read) return undefined;
    parameters.push(read);
    at = read.end;
  }
  return parameters;
}

/** With the octet that says its length. */
function readSized(body: Uint8Array, at: number) {
  const size = body[at] ?? 0;
  const end = at + 1 + size;
  if (size === 0 || size === 0xff || end > body.length) return undefined;
  return { value: body.subarray(at + 1, end), bytes: body.subarray(at, end), end };
}

function toMaterial(algorithm: number, values: readonly Uint8Array[]): KeyMaterial {
  try {
    switch (algorithm) {
      case ALGORITHM.rsa:
      case ALGORITHM.rsaSign:
        return toRsa(values);
      case ALGORITHM.dsa:
        return toDsa(values);
      case ALGORITHM.ecdsa:
        return toEcdsa(values);
      case ALGORITHM.eddsa:
        return toEddsa(values);
      default:
        return { kind: 'unsupported' };
    }
  } catch {
    return { kind: 'unknown' };
  }
}

const EMPTY = new Uint8Array();

function toRsa([modulus = EMPTY, exponent = EMPTY]: readonly Uint8Array[]): KeyMaterial {
  if (!isRsaOfOpenssl(modulus, exponent)) return { kind: 'unknown' };
  const n = Buffer.from(modulus).toString('base64url');
  const e = Buffer.from(exponent).toString('base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e } });
  return { kind: 'rsa', key, modulus };
}

/** OpenSSL refuses odd exponents of long keys, which would take minutes, and GnuPG does not. */
function isRsaOfOpenssl(modulus: Uint8Array, exponent: Uint8Array): boolean {
  const isLong = bitsOf(modulus) > MAX_RSA_BITS_WITH_ANY_EXPONENT;
  const isLess =
    exponent.length < modulus.length ||
    (exponent.length === modulus.length && Buffer.compare(exponent, modulus) < 0);
  const isOdd = ((modulus.at(-1) ?? 0) & 1) === 1;
  return isLess && isOdd && (!isLong || bitsOf(exponent) <= MAX_EXPONENT_BITS);
}

function toDsa([p = EMPTY, q = EMPTY, g = EMPTY, y = EMPTY]: readonly Uint8Array[]): KeyMaterial {
  const bits = bitsOf(q);
  if (bits % 8 !== 0 || bits < LEAST_ORDER) return { kind: 'unsupported' };
  if (!DSA_ORDERS.has(bits)) return { kind: 'unknown' };
  const domain = derSequence(derInteger(p), derInteger(q), derInteger(g));
  const algorithm = derSequence(derOid(DSA_PUBLIC_KEY), domain);
  return { kind: 'dsa', key: toKey(algorithm, derInteger(y)), bits };
}

function toEcdsa([curve = EMPTY, point = EMPTY]: readonly Uint8Array[]): KeyMaterial {
  const bits = bitsOf(point);
  const order = bits % 8 > 3 ? 0 : (bits - (bits % 8)) / 2;
  if (order % 8 !== 0 || order < LEAST_ORDER) return { kind: 'unsupported' };
  const algorithm = derSequence(derOid(EC_PUBLIC_KEY), derOid(curve));
  return { kind: 'ecdsa', key: toKey(algorithm, point), bits: Math.min(order, 512) };
}

function toEddsa([curve = EMPTY, point = EMPTY]: readonly Uint8Array[]): KeyMaterial {
  const isUsual = Buffer.from(curve).toString('hex') === ED25519;
  if (!isUsual || point.length !== 33 || point[0] !== 0x40) return { kind: 'unknown' };
  const x = Buffer.from(point.subarray(1)).toString('base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
  return { kind: 'ed25519', key };
}

function toKey(algorithm: Uint8Array, value: Uint8Array): KeyObject {
  const key = Buffer.from(derSequence(algorithm, derBits(value)));
  return createPublicKey({ key, format: 'der', type: 'spki' });
}
