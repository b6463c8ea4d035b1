// Who says whether a signature is good. OpenPGP.js answers for what both engines read alike: a
// message in the form that GnuPG writes, by a key of the usual kind. Only its "yes" counts, and
// what needs no engine: a stranger, an expired date. Everything else is for gpgv, which nodes
// follow. Where there is no gpgv, nothing that it alone can judge is called bad.
import { MAX_BLOB_BYTES } from '../blob.ts';
import { formatTime } from '../format-time.ts';
import { type Rejection, isRejection, reject } from '../rejection.ts';
import { type Algorithms, PLAIN_HASHES, nameAlgorithms } from './algorithms.ts';
import type { Gpgv } from './gpgv.ts';
import { STRAY_PACKET } from './gpgv-status.ts';
import { findCompressionFault, findMessageFault } from './message-fault.ts';
import { isBomb } from './packets.ts';
import { type Keyring, type SigningKey, verifyPlain } from './openpgp-js.ts';
import { type PlainMessage, readPlainMessage } from './plain-message.ts';
import { type IsSignedByRsa, isSignedByRsa as computeAtOnce } from './rsa.ts';

/** The key that made a signature: the primary or one of its subkeys. Upper-case hex. */
export interface Signer {
  readonly fingerprint: string;
  readonly primaryFingerprint: string;
}

/** What a message holds; its payload is untrusted unless there is a signer. */
export interface OpenedMessage {
  readonly untrustedPayload: Uint8Array;
  /** The verified signer; absent when no keyring was given. */
  readonly signer?: Signer;
  /** Of the verified signature. */
  readonly algorithms?: Algorithms;
  /** When the signature was made, in milliseconds since 1970; 0 where that is not known. */
  readonly signedAt: number;
  /** When signature or key expire, in milliseconds since 1970; Infinity if never. */
  readonly expiresAt: number;
  /** When it must be verified again, in milliseconds since 1970; Infinity if never. */
  readonly validUntil: number;
}

/**
 * Opens a signed message and, with a keyring, verifies its signature as of `now`. Only with a
 * keyring, and only if the signature is good, the result has a signer.
 */
export type OpenMessage = (
  untrustedMessage: Uint8Array,
  keyring: Keyring | undefined,
  now: Date,
) => Promise<OpenedMessage | Rejection>;

/** The hint of everything that waits for the second engine. */
export const INSTALL_GPGV =
  'Install gpgv (Debian: gpgv, RHEL: gnupg2), which judges it as nodes do.';

/** When gpgv alone knows how long a key is good, it is asked again after this. Milliseconds. */
const ASK_AGAIN = 24 * 3_600_000;
const NO_KEYS = new Uint8Array();

/**
 * Puts the engines together, and what computes RSA for the first; without gpgv, what only it can
 * judge is `cannot-verify`.
 */
export function createOpenMessage(
  gpgv: Gpgv | undefined,
  isSignedByRsa: IsSignedByRsa = computeAtOnce,
): OpenMessage {
  return async (message, keyring, now) => {
    const plain = readPlainMessage(message, MAX_BLOB_BYTES);
    const isKnown =
      keyring && plain ? await openPlain(plain, keyring, now, isSignedByRsa) : undefined;
    if (isKnown && !isRejection(isKnown)) return isKnown;
    if (isKnown && DEFINITE.has(isKnown.code)) return isKnown;
    if (!keyring && plain) {
      const { createdAt, expiresAt } = plain.signature;
      const { untrustedPayload } = plain;
      return { untrustedPayload, signedAt: createdAt, expiresAt, validUntil: expiresAt };
    }
    if (isBomb(message, MAX_BLOB_BYTES)) {
      return reject('malformed', `the message expands to more than ${MAX_BLOB_BYTES} bytes`);
    }
    if (!gpgv) return findMessageFault(message, MAX_BLOB_BYTES) ?? isKnown ?? outOfTheOrdinary();
    return askGpgv(gpgv, message, keyring, now);
  };
}

/** What needs no second opinion. */
const DEFINITE: ReadonlySet<string> = new Set([
  'unknown-signer',
  'signature-expired',
  'key-expired',
] satisfies Rejection['code'][]);

async function openPlain(
  plain: PlainMessage,
  keyring: Keyring,
  now: Date,
  isSignedByRsa: IsSignedByRsa,
): Promise<OpenedMessage | Rejection> {
  const { signature, untrustedPayload } = plain;
  const { keyId, createdAt, expiresAt } = signature;
  if (keyId === undefined) return undecided('does not name one key as its signer');
  const [key, other] = keyring.find(keyId);
  if (!key) {
    return reject('unknown-signer', `no key of the keyring has the ID ${keyId.toUpperCase()}`);
  }
  const { publicKeyAlgorithm, hashAlgorithm, version } = signature;
  const algorithms = nameAlgorithms(publicKeyAlgorithm, hashAlgorithm, key.bits);
  if (version !== 4) return undecided(`has a packet of version ${version}`);
  if (!PLAIN_HASHES.has(hashAlgorithm)) return undecided(`uses ${algorithms.hash}`);
  if (!signature.isPlain) return undecided('has parts that engines read differently');
  if (!key.isPlain || other) {
    const bits = key.bits === undefined ? '' : ` of ${key.bits} bits`;
    return undecided(`is by the ${algorithms.publicKey} key ${key.fingerprint}${bits}`);
  }
  const expired = findExpiry(expiresAt, key, now);
  if (expired) return expired;
  if (createdAt > now.getTime() || createdAt < key.createdAt) {
    return undecided(`is dated ${toDay(createdAt)}, ahead of the clock or before its key`);
  }
  const refusal = await verifyPlain(plain, key, now, isSignedByRsa);
  if (refusal) return refusal;
  const { fingerprint, primaryFingerprint } = key;
  const signer = { fingerprint, primaryFingerprint };
  const validUntil = Math.min(expiresAt, key.expiresAt);
  const dates = { signedAt: createdAt, expiresAt: validUntil, validUntil };
  return { untrustedPayload, signer, algorithms, ...dates };
}

async function askGpgv(
  gpgv: Gpgv,
  message: Uint8Array,
  keyring: Keyring | undefined,
  now: Date,
): Promise<OpenedMessage | Rejection> {
  const { verdict, untrustedPayload } = await gpgv.verify(message, keyring?.packets ?? NO_KEYS);
  if (isRejection(verdict)) {
    const isForm = verdict.code === 'malformed' || verdict.code === 'not-signed';
    if (isForm) {
      const fault = findMessageFault(message, MAX_BLOB_BYTES);
      if (verdict.message === STRAY_PACKET)
        return fault?.code === 'malformed' ? verdict : (fault ?? verdict);
      return fault ?? findCompressionFault(message, MAX_BLOB_BYTES) ?? verdict;
    }
    // Without keys every signature is a stranger's: all that can be said is that there is one.
    return !keyring && verdict.code === 'unknown-signer'
      ? { untrustedPayload, signedAt: 0, expiresAt: Infinity, validUntil: Infinity }
      : verdict;
  }
  const { fingerprint, primaryFingerprint, createdAt, expiresAt } = verdict;
  const [key] = keyring?.find(fingerprint.slice(-16).toLowerCase()) ?? [];
  const expired = key?.isPlain ? findExpiry(expiresAt, key, now) : undefined;
  if (expired) return expired;
  // Of an unusual key gpgv has the last word, but what OpenPGP.js reads will do for a warning.
  const isAhead = key !== undefined && key.expiresAt > now.getTime();
  const known = Math.min(expiresAt, isAhead ? key.expiresAt : Infinity);
  return {
    untrustedPayload,
    signer: { fingerprint, primaryFingerprint },
    algorithms: nameAlgorithms(verdict.publicKeyAlgorithm, verdict.hashAlgorithm, key?.bits),
    signedAt: createdAt,
    expiresAt: known,
    validUntil: key?.isPlain ? known : Math.min(known, now.getTime() + ASK_AGAIN),
  };
}

function findExpiry(signature: number, key: SigningKey, now: Date): Rejection | undefined {
  if (signature <= now.getTime()) {
    return reject('signature-expired', `the signature expired on ${toDay(signature)}`);
  }
  if (key.expiresAt <= now.getTime()) {
    const message = `the key ${key.fingerprint} expired on ${toDay(key.expiresAt)}`;
    return reject('key-expired', message);
  }
  return undefined;
}

function undecided(what: string): Rejection {
  return reject('cannot-verify', `the signature ${what}`, { hint: INSTALL_GPGV });
}

function outOfTheOrdinary(): Rejection {
  const message = 'the message is not in the form that GnuPG writes';
  return reject('cannot-verify', message, { hint: INSTALL_GPGV });
}

function toDay(milliseconds: number): string {
  return formatTime(milliseconds).slice(0, 10);
}
