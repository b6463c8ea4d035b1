// RSA signatures of plain messages, by Node's own cryptography. OpenPGP.js would have Node compute the
// same, but take the message apart once more, at several times the cost.
import { type KeyObject, createPublicKey, hash, verify } from 'node:crypto';
import { bigEndian } from './packets/packets.ts';
import type { PlainMessage } from './packets/plain-message.ts';

/** RSA to sign and encrypt, and RSA to sign only (RFC 9580, section 9.1). */
const RSA_ALGORITHMS: ReadonlySet<number> = new Set([1, 3]);
const HASH_NAMES: Readonly<Record<number, string>> = {
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
};
/** In a key packet: version, creation time, algorithm. */
const INTEGERS_AT = 6;

/** An RSA key, ready to verify with. */
export interface RsaKey {
  readonly object: KeyObject;
  /** Of the modulus, and so of every signature. */
  readonly bytes: number;
}

/** The RSA key in the body of a key packet of version 4; undefined if there is none. */
export function readRsaKey(packetBody: Uint8Array): RsaKey | undefined {
  if (!RSA_ALGORITHMS.has(packetBody[INTEGERS_AT - 1] ?? 0)) return undefined;
  const [modulus, exponent, ...more] = readIntegers(packetBody.subarray(INTEGERS_AT)) ?? [];
  if (!modulus || !exponent || more.length > 0) return undefined;
  try {
    const n = Buffer.from(modulus).toString('base64url');
    const e = Buffer.from(exponent).toString('base64url');
    const object = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e } });
    return { object, bytes: modulus.length };
  } catch {
    return undefined;
  }
}

/** All that it takes to compute one signature; it can be handed to another thread. */
export interface RsaTask {
  readonly key: KeyObject;
  /** As Node calls it. */
  readonly hashName: string;
  /** What the signature covers. */
  readonly signed: Uint8Array;
  /** What its hash must start with. */
  readonly digestStart: Uint8Array;
  /** As long as the modulus. */
  readonly signature: Uint8Array;
}

/** Whether a key made the signature of a plain message. */
export type IsSignedByRsa = (message: PlainMessage, key: RsaKey) => boolean | Promise<boolean>;

/** Computes it at once. */
export function isSignedByRsa(message: PlainMessage, key: RsaKey): boolean {
  const task = toRsaTask(message, key);
  return task !== undefined && computeRsa(task);
}

/**
 * The computation that tells whether a key made the signature of a plain message of version 4 (RFC
 * 9580, section 5.2.4); undefined if the key cannot have made it.
 */
export function toRsaTask(message: PlainMessage, key: RsaKey): RsaTask | undefined {
  const { hashAlgorithm, publicKeyAlgorithm, digestStart } = message.signature;
  const hashName = HASH_NAMES[hashAlgorithm];
  const [integer, ...more] = readIntegers(message.signature.integers) ?? [];
  if (!integer || more.length > 0 || integer.length > key.bytes) return undefined;
  if (hashName === undefined || !RSA_ALGORITHMS.has(publicKeyAlgorithm)) return undefined;
  const signed = signedBytesOf(message);
  const signature = Buffer.alloc(key.bytes);
  signature.set(integer, key.bytes - integer.length);
  return { key: key.object, hashName, signed, digestStart, signature };
}

/** What a signature of version 4 is computed over (RFC 9580, section 5.2.4). */
export function signedBytesOf({ untrustedPayload, signature }: PlainMessage): Uint8Array {
  const { signedFields } = signature;
  const trailer = Buffer.from([4, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(signedFields.length, 2);
  return Buffer.concat([untrustedPayload, signedFields, trailer]);
}

/** Whether the key of a task made the signature. */
export function computeRsa({ key, hashName, signed, digestStart, signature }: RsaTask): boolean {
  const digest = hash(hashName, signed, 'buffer');
  return digest.subarray(0, 2).equals(digestStart) && verify(hashName, signed, key, signature);
}

/** Integers with their bit counts before them (RFC 9580, section 3.2); undefined if cut short. */
function readIntegers(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const integers: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 2 + Math.ceil(bigEndian(bytes, at, at + 2) / 8);
    if (end > bytes.length) return undefined;
    integers.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return integers;
}

/**
 * Tasks on their way to another thread, in their order and part by part. Few objects: each would
 * cost as much as all the bytes.
 */
export interface RsaBatch {
  readonly keys: readonly KeyObject[];
  readonly hashNames: readonly string[];
  /** Of what is signed, the start of the digest and the signature of each task in turn. */
  readonly lengths: readonly number[];
  /** All of those, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packTasks(tasks: readonly RsaTask[]): RsaBatch {
  const parts = tasks.flatMap((task) => [task.signed, task.digestStart, task.signature]);
  const lengths = parts.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let used = 0;
  for (const part of parts) {
    bytes.set(part, used);
    used += part.length;
  }
  return {
    keys: tasks.map(({ key }) => key),
    hashNames: tasks.map(({ hashName }) => hashName),
    lengths,
    bytes,
  };
}

export function unpackTasks({ keys, hashNames, lengths, bytes }: RsaBatch): readonly RsaTask[] {
  let used = 0;
  const next = (length = 0): Uint8Array => bytes.subarray(used, (used += length));
  return keys.map((key, at) => ({
    key,
    hashName: hashNames[at] ?? '',
    signed: next(lengths[3 * at]),
    digestStart: next(lengths[3 * at + 1]),
    signature: next(lengths[3 * at + 2]),
  }));
}
