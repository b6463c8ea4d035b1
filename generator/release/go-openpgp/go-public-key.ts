// Public keys as Go reads them (x/crypto/openpgp/packet, public_key.go), and what they verify.
import { createHash, hash } from 'node:crypto';
import { type ByteStream, readByte, readFull } from './byte-stream.ts';
import { GoFault } from './go-fault.ts';
import {
  type EcdsaNumbers,
  type KeyNumbers,
  fieldBytes,
  isSignedBy,
  toBigInt,
  toEcdsaKey,
} from './go-numbers.ts';
import { GO_DSA, GO_ECDSA, GO_RSA, type GoSignature, readInteger } from './go-signature.ts';

/** A key packet of version 4. */
export interface GoPublicKey {
  readonly algorithm: number;
  /** Upper-case hex. */
  readonly fingerprint: string;
  /** 16 lower-case hex digits. */
  readonly keyId: string;
  /** As it is hashed for fingerprint and signatures: a header, and the body. */
  readonly framed: Uint8Array;
  /** Undefined for keys that sign nothing. */
  readonly numbers: KeyNumbers | undefined;
}

const RSA_ENCRYPT_ONLY = 2;
const ELGAMAL = 16;
const ECDH = 18;
const MAX_OID = 8;
const CURVES: Readonly<Record<string, EcdsaNumbers['curve']>> = {
  '2a8648ce3d030107': 'P-256',
  '2b81040022': 'P-384',
  '2b81040023': 'P-521',
};
const UNCOMPRESSED_POINT = 4;

/** Whether Go takes a primary key of this algorithm. */
export function isSigningAlgorithm(algorithm: number): boolean {
  return GO_RSA.has(algorithm) || algorithm === GO_DSA || algorithm === GO_ECDSA;
}

/**
 * Reads the body of a public key packet of version 4.
 * @throws GoFault, `unsupported` for kinds of keys that Go does not know: Ed25519, for one.
 */
export function readPublicKey4(stream: ByteStream): GoPublicKey {
  const header = readFull(stream, 6);
  if (header[0] !== 4) throw new GoFault('unsupported', 'public key version');
  const algorithm = header[5] ?? 0;
  const body = [header];
  const numbers = readNumbers(algorithm, new KeyFields(stream, body));
  const bytes = Buffer.concat(body);
  const frame = Buffer.from([0x99, (bytes.length >> 8) & 0xff, bytes.length & 0xff]);
  const framed = Buffer.concat([frame, bytes]);
  const hex = hash('sha1', framed, 'hex');
  return {
    algorithm,
    fingerprint: hex.toUpperCase(),
    keyId: hex.slice(-16),
    framed,
    numbers,
  };
}

/**
 * Reads what Go reads of a key of an older version, which it then passes over.
 * @throws GoFault
 */
export function skipPublicKey3(stream: ByteStream): void {
  const header = readFull(stream, 8);
  const version = header[0] ?? 0;
  if (version < 2 || version > 3) throw new GoFault('unsupported', 'public key version');
  const algorithm = header[7] ?? 0;
  if (!GO_RSA.has(algorithm) && algorithm !== RSA_ENCRYPT_ONLY) {
    throw new GoFault('unsupported', `public key type: ${algorithm}`);
  }
  const modulus = readInteger(stream);
  const exponent = readInteger(stream);
  if (modulus.length < 8) throw new GoFault('structural', 'v3 public key modulus is too short');
  if (exponent.length > 3) throw new GoFault('unsupported', 'large public exponent');
}

/** The fields of a key, which are kept as they lie there. */
class KeyFields {
  readonly #stream: ByteStream;
  readonly #kept: Uint8Array[];

  constructor(stream: ByteStream, kept: Uint8Array[]) {
    this.#stream = stream;
    this.#kept = kept;
  }

  integer(): Uint8Array {
    const bits = readFull(this.#stream, 2);
    const integer = readFull(this.#stream, Math.ceil(Buffer.from(bits).readUInt16BE() / 8));
    this.#kept.push(bits, integer);
    return integer;
  }

  /** A curve by its object identifier, in hex. */
  curve(): string {
    const length = readByte(this.#stream);
    if (length > MAX_OID) throw new GoFault('unsupported', `invalid oid length: ${length}`);
    const oid = readFull(this.#stream, length);
    this.#kept.push(Buffer.from([length]), oid);
    return Buffer.from(oid).toString('hex');
  }

  /** How an ECDH key is used; Go keeps the first three bytes. */
  derivation(): void {
    const length = readByte(this.#stream);
    if (length < 3) throw new GoFault('unsupported', `Unsupported ECDH KDF length: ${length}`);
    const [reserved = 0, ...more] = readFull(this.#stream, length);
    if (reserved !== 1) {
      throw new GoFault('unsupported', `Unsupported KDF reserved field: ${reserved}`);
    }
    this.#kept.push(Buffer.from([3, 1, ...more.slice(0, 2)]));
  }
}

function readNumbers(algorithm: number, fields: KeyFields): KeyNumbers | undefined {
  if (GO_RSA.has(algorithm) || algorithm === RSA_ENCRYPT_ONLY) {
    const [modulus, exponent] = [fields.integer(), fields.integer()];
    if (exponent.length > 3) throw new GoFault('unsupported', 'large public exponent');
    if (algorithm === RSA_ENCRYPT_ONLY) return undefined;
    return { kind: 'rsa', modulus: toBigInt(modulus), exponent: toBigInt(exponent) };
  }
  switch (algorithm) {
    case GO_DSA: {
      const [p, q, g, y] = [fields.integer(), fields.integer(), fields.integer(), fields.integer()];
      return { kind: 'dsa', p: toBigInt(p), q: toBigInt(q), g: toBigInt(g), y: toBigInt(y) };
    }
    case ELGAMAL:
      for (let left = 3; left > 0; left--) fields.integer();
      return undefined;
    case GO_ECDSA: {
      const oid = fields.curve();
      return readPoint(oid, fields.integer());
    }
    case ECDH: {
      const oid = fields.curve();
      const point = fields.integer();
      fields.derivation();
      readPoint(oid, point);
      return undefined;
    }
    default:
      throw new GoFault('unsupported', `public key type: ${algorithm}`);
  }
}

function readPoint(oid: string, point: Uint8Array): EcdsaNumbers {
  const curve = CURVES[oid];
  if (curve === undefined) throw new GoFault('unsupported', `unsupported oid: ${oid}`);
  const size = fieldBytes(curve);
  const x = point.subarray(1, 1 + size);
  const numbers: EcdsaNumbers = { kind: 'ecdsa', curve, x, y: point.subarray(1 + size) };
  const isPoint = point[0] === UNCOMPRESSED_POINT && point.length === 1 + 2 * size;
  if (!isPoint || !toEcdsaKey(numbers)) {
    throw new GoFault('unsupported', 'failed to parse EC point');
  }
  return numbers;
}

/**
 * Verifies a signature over data that is hashed with `hashName`.
 * @throws GoFault saying why it is not good.
 */
export function verifyGoSignature(
  key: GoPublicKey,
  data: Uint8Array,
  hashName: string,
  signature: GoSignature,
): void {
  const { algorithm, numbers } = key;
  if (algorithm === RSA_ENCRYPT_ONLY || algorithm === ELGAMAL) {
    throw new GoFault('invalid-argument', 'public key cannot generate signatures');
  }
  const bytes = Buffer.concat([data, signature.suffix]);
  const digest = createHash(hashName).update(bytes).digest();
  if (!digest.subarray(0, 2).equals(signature.hashTag)) {
    throw new GoFault('bad-signature', "hash tag doesn't match");
  }
  if (algorithm !== signature.algorithm || !numbers) {
    const message = 'public key and signature use different algorithms';
    throw new GoFault('invalid-argument', message);
  }
  const signed = { bytes, hashName, namedHash: signature.hashName };
  if (!isSignedBy(numbers, signed, signature.integers)) {
    throw new GoFault('bad-signature', 'verification failure');
  }
}
