// Decides which engine says whether a signature is good. OpenPGP.js judges what both engines read
// alike: a message in the form that GnuPG writes, by a key of the usual kind. Only its "yes" counts,
// and what needs no engine: an unknown signer, an expired date. Everything else goes to gpgv, which
// judges as nodes do. Without gpgv, nothing that only gpgv can judge is called bad. An answer that
// depends on the clock says how long it holds.
import { MAX_BLOB_BYTES } from './signature-file.ts';
import { formatTime } from '../terms/text.ts';
import { type Rejection, during, isRejection, isUndecided, reject } from '../terms/rejection.ts';
import { type Validity, hasPassed, wholeSecond } from '../terms/validity.ts';
import { type Algorithms, nameAlgorithms } from './algorithms.ts';
import type { GpgvEngine } from './gpgv.ts';
import { STRAY_PACKET } from './gpgv-status.ts';
import {
  findCompressionFault,
  findMessageFault,
  findSecondSignature,
  findSignaturePacket,
} from './packets/message-fault.ts';
import { isBomb } from './packets/read-layers.ts';
import { explainLost, findKeyFault, rejectUncertified } from './key-rejections.ts';
import type { Keyring } from './keyring.ts';
import { type SigningKey, verifyPlain } from './signing-key.ts';
import { type PlainMessage, readPlainMessage } from './packets/plain-message.ts';
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
  /** When all this holds; outside, it must be verified again. */
  readonly validity: Validity;
  /** The version of the gpgv that was asked; absent where none was. */
  readonly gpgv?: string;
}

/**
 * What a verdict may cost: `quick` asks no gpgv, `usual` asks it only of messages in the form that
 * GnuPG writes, which take it milliseconds, and `any` of all. What would cost more is DEFERRED.
 */
export type Effort = 'quick' | 'usual' | 'any';

/**
 * Opens a signed message and, with a keyring, verifies its signature as of `now`. Only with a
 * keyring, and only if the signature is good, the result has a signer. Any effort unless told.
 */
export type OpenMessage = (
  untrustedMessage: Uint8Array,
  keyring: Keyring | undefined,
  now: Date,
  effort?: Effort,
) => Promise<OpenedMessage | Rejection>;

/** A gpgv that may come and go: asks for the one that is there now, if any. */
export interface GpgvFinder {
  readonly find: () => Promise<GpgvEngine | undefined>;
}

/** The hint of everything that waits for the second engine. */
export const INSTALL_GPGV =
  'Install gpgv (Debian: gpgv, RHEL: gnupg2), which judges it as nodes do.';

/** gpgv is asked again after this time about what depends on dates. Milliseconds. */
const ASK_AGAIN = 24 * 3_600_000;
const NO_KEYS = new Uint8Array();

/** The answer for a message that would cost more than it may; always the same object. */
export const DEFERRED = reject('cannot-verify', 'the signature waits for gpgv to judge it', {
  hint: 'Wait: gpgv is asked as soon as all that is quicker has been judged.',
});

/**
 * Combines the two engines; `isSignedByRsa` computes RSA for the first. Without gpgv, what only gpgv
 * can judge is `cannot-verify`.
 */
export function createOpenMessage(
  gpgv: GpgvEngine | GpgvFinder | undefined,
  isSignedByRsa: IsSignedByRsa = computeAtOnce,
): OpenMessage {
  const findGpgv = async (): Promise<GpgvEngine | undefined> =>
    gpgv && 'find' in gpgv ? gpgv.find() : gpgv;
  return async (message, keyring, now, effort = 'any') => {
    const plain = readPlainMessage(message, MAX_BLOB_BYTES);
    const known =
      keyring && plain ? await openPlain(plain, keyring, now, isSignedByRsa) : undefined;
    if (known && (!isRejection(known) || DEFINITE.has(known.code))) return known;
    if (!keyring && plain) return openUnverified(plain, now);
    if (isBomb(message, MAX_BLOB_BYTES)) {
      return reject('malformed', `the message expands to more than ${MAX_BLOB_BYTES} bytes`);
    }
    if (effort === 'quick' || (effort === 'usual' && !plain)) return DEFERRED;
    const found = await findGpgv();
    if (found) return askGpgv(found, message, keyring, now);
    const fault = findMessageFault(message, MAX_BLOB_BYTES);
    return fault ?? (known ? during(aDayFrom(now), known) : outOfTheOrdinary());
  };
}

/** Without keys only its form and its own expiry date can be checked. */
function openUnverified(
  { signature: { createdAt, expiresAt }, untrustedPayload }: PlainMessage,
  now: Date,
): OpenedMessage {
  const isOver = expiresAt <= now.getTime();
  const validity = isOver
    ? { from: expiresAt, until: Infinity }
    : { from: -Infinity, until: expiresAt };
  return { untrustedPayload, signedAt: createdAt, expiresAt, validity };
}

/** Answers of the first engine that are final. */
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
  const { keyId, keyFingerprint, createdAt, expiresAt } = signature;
  if (keyId === undefined) return undecided('does not name one key as its signer');
  const [key, other] = keyring.find(keyId);
  if (!key) {
    const message = `no key of the keyring has the ID ${keyId.toUpperCase()}`;
    return explainLost(reject('unknown-signer', message), keyring, keyId);
  }
  if (!key.isValid) return rejectUncertified(key, keyring);
  const { publicKeyAlgorithm, hashAlgorithm, version } = signature;
  const algorithms = nameAlgorithms(publicKeyAlgorithm, hashAlgorithm, key.bits);
  if (version !== 4) return undecided(`has a packet of version ${version}`);
  if (!signature.hasPlainFields) return undecided('has parts that engines read differently');
  const { plainAlgorithms } = key;
  if (!key.isPlain || !plainAlgorithms || other) {
    const bits = key.bits === undefined ? '' : ` of ${key.bits} bits`;
    return undecided(`is by the ${algorithms.publicKey} key ${key.fingerprint}${bits}`);
  }
  if (!plainAlgorithms.hashes.has(hashAlgorithm)) return undecided(`uses ${algorithms.hash}`);
  if (plainAlgorithms.publicKey !== publicKeyAlgorithm) {
    return undecided(`has the algorithm number ${publicKeyAlgorithm}, unlike its key`);
  }
  if ((keyFingerprint ?? key.fingerprint) !== key.fingerprint) {
    return undecided('does not name one key as its signer');
  }
  const expired = findExpiry(expiresAt, key, now);
  if (expired) return expired;
  if (createdAt > now.getTime() || createdAt < key.createdAt) {
    return undecided(`is dated ${toDay(createdAt)}, ahead of the clock or before its key`);
  }
  // OpenPGP.js takes the second of the expiry for expired.
  const clock = new Date(Math.min(now.getTime(), key.expiresAt - 1));
  const refusal = await verifyPlain(plain, key, clock, isSignedByRsa);
  if (refusal) return refusal;
  const { fingerprint, primaryFingerprint } = key;
  const signer = { fingerprint, primaryFingerprint };
  const validity = plainValidity(createdAt, key, Math.min(expiresAt, endOf(key)), now);
  const end = Math.min(expiresAt, key.expiresAt);
  return { untrustedPayload, signer, algorithms, signedAt: createdAt, expiresAt: end, validity };
}

/**
 * How long an answer holds that depends only on the dates of the signature and of a plain key. Before
 * the newest of these dates the key may be read differently, so until then it holds only from now on.
 */
function plainValidity(
  signedAt: number,
  { certifiedAt }: SigningKey,
  until: number,
  now: Date,
): Validity {
  const since = Math.max(signedAt, certifiedAt);
  return since <= now.getTime()
    ? { from: since, until }
    : { from: wholeSecond(now.getTime()), until: Math.min(since, until) };
}

function aDayFrom(now: Date): Validity {
  const from = wholeSecond(now.getTime());
  return { from, until: from + ASK_AGAIN };
}

/** Faults of form, which do not depend on the date. */
const FORM_FAULTS: ReadonlySet<string> = new Set([
  'malformed',
  'not-signed',
  'multiple-signatures',
] satisfies Rejection['code'][]);

async function askGpgv(
  gpgv: GpgvEngine,
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
    // Without keys every signer is unknown: all that can be said is that there is a signature.
    if (!keyring && verdict.code === 'unknown-signer') {
      const validity = { from: -Infinity, until: Infinity };
      return { untrustedPayload, signedAt: 0, expiresAt: Infinity, validity };
    }
    const { code } = verdict;
    if (keyring && (code === 'unsupported-signature' || code === 'unknown-signer')) {
      const fault = findKeyFault(findSignaturePacket(message, MAX_BLOB_BYTES), keyring);
      if (fault) return during(aDayFrom(now), fault);
    }
    const isLasting = FORM_FAULTS.has(verdict.code) || isUndecided(verdict);
    if (isLasting) return verdict;
    const keyId = findSignaturePacket(message, MAX_BLOB_BYTES)?.keyId;
    return during(aDayFrom(now), explainLost(verdict, keyring, keyId));
  }
  const second = findSecondSignature(message, MAX_BLOB_BYTES);
  if (second) return second;
  const { fingerprint, primaryFingerprint, createdAt, expiresAt } = verdict;
  const [key] = keyring?.find(fingerprint.slice(-16).toLowerCase()) ?? [];
  const expired = key?.isPlain ? findExpiry(expiresAt, key, now) : undefined;
  if (expired) return expired;
  // gpgv has the last word on an unusual key, but what OpenPGP.js reads is good enough for a warning.
  const isAhead = key !== undefined && !hasPassed(key.expiresAt, now);
  const known = Math.min(expiresAt, isAhead ? key.expiresAt : Infinity);
  const end = Math.min(expiresAt, isAhead ? endOf(key) : Infinity);
  const { from, until } = aDayFrom(now);
  return {
    untrustedPayload,
    signer: { fingerprint, primaryFingerprint },
    algorithms: nameAlgorithms(verdict.publicKeyAlgorithm, verdict.hashAlgorithm, key?.bits),
    signedAt: createdAt,
    expiresAt: known,
    validity: key?.isPlain
      ? plainValidity(createdAt, key, end, now)
      : { from, until: Math.min(end, until) },
    gpgv: gpgv.version,
  };
}

/** Expired stays expired; an expired key is reported until the signature has expired as well. */
function findExpiry(signature: number, key: SigningKey, now: Date): Rejection | undefined {
  if (signature <= now.getTime()) {
    const message = `the signature expired on ${toDay(signature)}`;
    return during({ from: signature, until: Infinity }, reject('signature-expired', message));
  }
  if (hasPassed(key.expiresAt, now)) {
    const message = `the key ${key.fingerprint} expired on ${toDay(key.expiresAt)}`;
    return during({ from: endOf(key), until: signature }, reject('key-expired', message));
  }
  return undefined;
}

/** A key is good in the second of its expiry as well. */
function endOf({ expiresAt }: SigningKey): number {
  return expiresAt + 1000;
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
