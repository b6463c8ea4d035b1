// Whether a key made a signature over a part of a key (g10/sig-check.c of 2.2.40:
// check_signature_over_key_or_uid, check_signature_end_simple; g10/seskey.c: encode_md_value).
import { createHash, verify as compute } from 'node:crypto';
import { derInteger, derSequence } from './der.ts';
import type { KeyMaterial, KeyPart } from './key-part.ts';
import { type AnyPart, SIGNATURE_TYPE, concernsSubkey, concernsUser } from './key-parts.ts';
import type { SignaturePart } from './signature-part.ts';

/** `unknown`: GnuPG may be able to compute it, and we are not. */
export type PartVerdict = 'good' | 'bad' | 'unknown';

/** Hash algorithms of GnuPG but MD5, which it refuses. */
const HASHES: ReadonlyMap<number, readonly [string, number]> = new Map([
  [2, ['sha1', 20]],
  [3, ['ripemd160', 20]],
  [8, ['sha256', 32]],
  [9, ['sha384', 48]],
  [10, ['sha512', 64]],
  [11, ['sha224', 28]],
]);
/** `openpgp_pk_test_algo`. */
const KNOWN_ALGORITHMS: ReadonlySet<number> = new Set([1, 2, 3, 16, 17, 18, 19, 22]);
const EDDSA_BYTES = 32;

/** Whether GnuPG knows an algorithm of public keys. */
export function isKnownAlgorithm(algorithm: number): boolean {
  return KNOWN_ALGORITHMS.has(algorithm);
}

/** Whether a signature of its type can be over such a part at all. */
export function canCover(signature: SignaturePart, part: AnyPart): boolean {
  switch (part.kind) {
    case 'primary': {
      const { directKey, keyRevocation, back } = SIGNATURE_TYPE;
      return [directKey, keyRevocation, back].some((type) => type === signature.type);
    }
    case 'subkey':
      return concernsSubkey(signature);
    case 'user':
      return concernsUser(signature);
    case 'signature':
      return false;
  }
}

/** What the signatures of a file may cost together; those of all Debian developers take a third. */
const MOST_WORK = 30_000;
/** Bits of RSA that cost as much as an Ed25519 signature, about 0.1 ms. */
const RSA_UNIT = 4096;
/** What others cost at most, in such units. */
const SLOW_CURVE = 10;

/** Keys that would take minutes to verify. */
export class KeyWorkError extends Error {
  override readonly name = 'KeyWorkError';
}

/** Remembers what it computed: imports ask for the same several times. */
export class PartVerifier {
  readonly #known = new WeakMap<SignaturePart, Map<KeyPart, Map<AnyPart, PartVerdict>>>();
  #work = 0;

  /** Begins to count anew what is computed. */
  startFile(): void {
    this.#work = 0;
  }

  /**
   * Whether `signer` made a signature over a part of the key of `primary`, whatever its date.
   * @throws KeyWorkError if too much was computed since `startFile`.
   */
  verify(signature: SignaturePart, signer: KeyPart, primary: KeyPart, part: AnyPart): PartVerdict {
    if (!canCover(signature, part)) return 'bad';
    if (!isUsable(signature)) return 'bad';
    const bySigner = this.#known.get(signature) ?? new Map<KeyPart, Map<AnyPart, PartVerdict>>();
    this.#known.set(signature, bySigner);
    const known = bySigner.get(signer) ?? new Map<AnyPart, PartVerdict>();
    bySigner.set(signer, known);
    const before = known.get(part);
    if (before) return before;
    this.#work += workOf(signer.material);
    if (this.#work > MOST_WORK) throw new KeyWorkError('the keys have too much to verify');
    const verdict = computeVerdict(signature, signer, bytesOf(signature, signer, primary, part));
    known.set(part, verdict);
    return verdict;
  }

  /** The same for a self-signature, which may not be older than the key. */
  verifySelf(signature: SignaturePart, primary: KeyPart, part: AnyPart): PartVerdict {
    if (signature.created < primary.created) return 'bad';
    return this.verify(signature, primary, primary, part);
  }
}

function workOf(material: KeyMaterial): number {
  switch (material.kind) {
    case 'unsupported':
    case 'unknown':
    case 'ed25519':
      return 1;
    case 'rsa':
      return Math.max(1, ((material.modulus.length * 8) / RSA_UNIT) ** 2);
    case 'dsa':
    case 'ecdsa':
      return SLOW_CURVE;
  }
}

function isUsable({ publicKeyAlgorithm, hashAlgorithm, hasUnknownCritical }: SignaturePart) {
  return isKnownAlgorithm(publicKeyAlgorithm) && HASHES.has(hashAlgorithm) && !hasUnknownCritical;
}

function bytesOf(
  signature: SignaturePart,
  signer: KeyPart,
  primary: KeyPart,
  part: AnyPart,
): Uint8Array {
  const { version, type } = signature;
  switch (part.kind) {
    case 'subkey':
      return Buffer.concat([primary.hashed, part.hashed]);
    case 'user': {
      const header = Buffer.from([part.isPhoto ? 0xd1 : 0xb4, 0, 0, 0, 0]);
      header.writeUInt32BE(part.body.length, 1);
      return Buffer.concat([primary.hashed, ...(version > 3 ? [header] : []), part.body]);
    }
    case 'primary':
    case 'signature':
      return type === SIGNATURE_TYPE.back
        ? Buffer.concat([primary.hashed, signer.hashed])
        : primary.hashed;
  }
}

function computeVerdict(
  { hashAlgorithm, trailer, integers }: SignaturePart,
  { material }: KeyPart,
  bytes: Uint8Array,
): PartVerdict {
  const isGood = isSignedWith(material, hashAlgorithm, Buffer.concat([bytes, trailer]), integers);
  return isGood === undefined ? 'unknown' : isGood ? 'good' : 'bad';
}

/** Whether a key made a signature of these numbers over all of `signed`; undefined where we cannot say. */
export function isSignedWith(
  material: KeyMaterial,
  hashAlgorithm: number,
  signed: Uint8Array,
  integers: readonly Uint8Array[],
): boolean | undefined {
  const [name, length] = HASHES.get(hashAlgorithm) ?? ['', 0];
  try {
    return isSignedBy(material, name, length, signed, integers);
  } catch {
    return undefined;
  }
}

function isSignedBy(
  material: KeyMaterial,
  hashName: string,
  hashBytes: number,
  signed: Uint8Array,
  [first, second]: readonly Uint8Array[],
): boolean | undefined {
  switch (material.kind) {
    case 'unsupported':
      return false;
    case 'unknown':
      return undefined;
    case 'rsa': {
      const integer = first && padTo(reduce(first, material.modulus), material.modulus.length);
      return integer !== undefined && compute(hashName, signed, material.key, integer);
    }
    case 'dsa':
    case 'ecdsa': {
      if (!first || !second || hashBytes < material.bits / 8) return false;
      const signature = derSequence(derInteger(first), derInteger(second));
      return compute(hashName, signed, material.key, signature);
    }
    case 'ed25519': {
      const halves = [first, second].map((half) => half?.length && padTo(half, EDDSA_BYTES));
      const [r, s] = halves;
      if (!r || !s) return false;
      const digest = createHash(hashName).update(signed).digest();
      return compute(null, digest, material.key, Buffer.concat([r, s]));
    }
  }
}

function padTo(integer: Uint8Array, bytes: number): Uint8Array | undefined {
  if (integer.length > bytes) return undefined;
  return Buffer.concat([Buffer.alloc(bytes - integer.length), integer]);
}

/** OpenSSL wants less than the modulus, GnuPG takes any number. */
function reduce(integer: Uint8Array, modulus: Uint8Array): Uint8Array {
  const isLess =
    integer.length < modulus.length ||
    (integer.length === modulus.length && Buffer.compare(integer, modulus) < 0);
  if (isLess || modulus.length === 0) return integer;
  const [value, limit] = [integer, modulus].map((one) =>
    BigInt(`0x0${Buffer.from(one).toString('hex')}`),
  );
  const rest = ((value ?? 0n) % (limit ?? 1n)).toString(16);
  return Buffer.from(rest.length % 2 === 0 ? rest : `0${rest}`, 'hex');
}
