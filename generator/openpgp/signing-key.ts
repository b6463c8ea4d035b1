// A primary key or subkey that may have made a signature, and how a plain message is verified by it.
import { createHash } from 'node:crypto';
import { type Rejection, reject } from '../terms/rejection.ts';
import { type PlainAlgorithms, readPlainAlgorithms } from './algorithms.ts';
import type { KeyFacts, PartFacts } from './import/key-facts.ts';
import type { KeyParts } from './import/key-parts.ts';
import { readMpi } from './import/mpi.ts';
import { isSignedWith } from './import/verify-part.ts';
import type { EnginePart } from './openpgp-js.ts';
import type { PlainMessage } from './packets/plain-message.ts';
import { type IsSignedByRsa, type RsaKey, readRsaKey, signedBytesOf } from './rsa.ts';

/** A primary key or subkey that may have made a signature. */
export interface SigningKey {
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly primaryFingerprint: string;
  /** Changes when anything about the whole key does. */
  readonly blockId: string;
  /** Undefined where OpenPGP.js cannot read the key. */
  readonly engine: EnginePart | undefined;
  /** Milliseconds since 1970; 0 where it is not known. */
  readonly createdAt: number;
  /** Of an RSA or DSA key; undefined for other kinds. */
  readonly bits: number | undefined;
  /** The last second in which it is good. Milliseconds since 1970; Infinity if never or not known. */
  readonly expiresAt: number;
  /** The date of its newest self-signature: earlier, it may be read differently. Milliseconds since 1970. */
  readonly certifiedAt: number;
  /** Whether nodes take it for a key at all: no signature counts by one that nothing certifies. */
  readonly isValid: boolean;
  /** Whether all engines read the key alike; if not, only gpgv's verdict counts. */
  readonly isPlain: boolean;
  /** Of its signatures that are judged in process, if it is plain; undefined if none is. */
  readonly plainAlgorithms: PlainAlgorithms | undefined;
  /** For signatures by RSA; undefined for keys of another kind. */
  readonly rsa: RsaKey | undefined;
  /** What computes signatures without an engine. */
  readonly material: PartFacts['key']['material'];
}

/** A key as it lies in the keyring of a node. */
export interface ImportedBlock {
  readonly parts: KeyParts;
  /** As binary OpenPGP packets: built anew, from public keys alone. */
  readonly bytes: Uint8Array;
}

/** A key on its way into a keyring. */
export interface ReadKey extends ImportedBlock {
  readonly facts: KeyFacts;
  /** Its parts by fingerprint; none where OpenPGP.js cannot read it. */
  readonly engine: ReadonlyMap<string, EnginePart>;
}

/** By which signatures name a key: 16 lower-case hex digits. */
export function keyIdOf({ fingerprint }: Pick<SigningKey, 'fingerprint'>): string {
  return fingerprint.slice(-16).toLowerCase();
}

/** The primary key and the subkeys of a key. */
export function toSigningKeys(
  { facts, bytes, engine }: ReadKey,
  reading: string,
): readonly SigningKey[] {
  const primaryFingerprint = facts.primary.key.fingerprint;
  // Another key may revoke it, as soon as that is there to verify the revocation.
  const own = facts.isRevoked ? `${reading}, revoked` : reading;
  const blockId = createHash('sha256').update(own).update(bytes).digest('base64url');
  return [facts.primary, ...facts.subkeys].map((part): SigningKey => {
    const { key } = part;
    const found = engine.get(key.fingerprint);
    return {
      fingerprint: key.fingerprint,
      primaryFingerprint,
      blockId,
      engine: found,
      createdAt: key.created * 1000,
      bits: found?.bits,
      expiresAt: part.until,
      certifiedAt: part.certifiedAt,
      isValid: facts.isValid,
      isPlain: isPlain(part, found),
      plainAlgorithms: readPlainAlgorithms(key.body),
      rsa: readRsaKey(key.body),
      get material() {
        return key.material;
      },
    };
  });
}

function isPlain(part: PartFacts, found: EnginePart | undefined): boolean {
  return part.hasPlainPackets && part.isSigner && found?.hasPlainAlgorithm === true;
}

/** Whether signatures by a key need gpgv. Encryption subkeys are not plain either, but they sign nothing. */
export function needsGpgv({ facts, engine }: ReadKey): boolean {
  return [facts.primary, ...facts.subkeys].some(
    (part) => part.isForSigning && !isPlain(part, engine.get(part.key.fingerprint)),
  );
}

/** Why OpenPGP.js says that a plain key may not sign as of `now`; undefined if it may. */
export async function findRefusal(
  { engine }: SigningKey,
  now: Date,
): Promise<Rejection | undefined> {
  return engine ? engine.findRefusal(now) : unreadable();
}

/**
 * Verifies a plain message by a plain key, as of `now`; undefined if it is good, else the reason
 * against it. `bad-signature` is what GnuPG says too.
 */
export async function verifyPlain(
  message: PlainMessage,
  key: SigningKey,
  now: Date,
  isSignedByRsa: IsSignedByRsa,
): Promise<Rejection | undefined> {
  const refusal = await askEngine(message, key, now, isSignedByRsa);
  if (refusal?.code !== 'bad-signature' || isSigned(message, key) === false) return refusal;
  return reject(
    'cannot-verify',
    'the signature is good, but says of the digest that it starts otherwise: engines differ',
  );
}

async function askEngine(
  message: PlainMessage,
  { engine, rsa }: SigningKey,
  now: Date,
  isSignedByRsa: IsSignedByRsa,
): Promise<Rejection | undefined> {
  if (!engine) return unreadable();
  if (!rsa) return engine.verify(message.untrustedPackets, now);
  const refusal = await engine.findRefusal(now);
  if (refusal) return refusal;
  const isGood = await isSignedByRsa(message, rsa);
  return isGood ? undefined : reject('bad-signature', 'the signature does not match the payload');
}

function unreadable(): Rejection {
  return reject('cannot-verify', 'OpenPGP.js cannot read the key');
}

/**
 * Whether a key made a signature whatever that says of the start of the digest, at which GnuPG does not
 * look (g10/sig-check.c, check_signature_end_simple); undefined where nobody can say here.
 */
function isSigned(message: PlainMessage, { material }: SigningKey): boolean | undefined {
  const { hashAlgorithm, integers } = message.signature;
  const first = readMpi(integers, 0);
  const second = first && readMpi(integers, first.end);
  const numbers = [first, second].flatMap((mpi) => (mpi ? [mpi.value] : []));
  return isSignedWith(material, hashAlgorithm, signedBytesOf(message), numbers);
}
