// The rule of a release area: whether the cluster-version operator accepts a file for a digest
// (openshift/library-go, pkg/verify, verify.go). Nodes judge the same bytes otherwise: see generator/gate.
//
// Two things are refused although Go reads them, as no signer of releases makes them: messages compressed with
// bzip2, and those with an encrypted packet in them.
import { findMessageFault } from '../openpgp/packets/message-fault.ts';
import type { Signer } from '../openpgp/open-message.ts';
import { explainForeignSignature } from '../openpgp/foreign/foreign-signature-file.ts';
import { MAX_BLOB_BYTES, checkBlobSize } from '../openpgp/signature-file.ts';
import { type Rejection, isRejection, reject } from '../terms/rejection.ts';
import { formatTime } from '../terms/text.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';
import { GoFault, catchFault } from './go-openpgp/go-fault.ts';
import { type GoMessage, readGoMessage } from './go-openpgp/go-message.ts';
import type { ReleaseKeyring } from './release-keyring.ts';
import { parseReleaseClaims } from './release-payload.ts';

/** A signature that the cluster-version operator accepts for the digest. */
export interface ReleaseSignature {
  /** The image name that was signed: any text but none. oc-mirror copies the image that it names. */
  readonly identity: string;
  readonly claims: UntrustedClaims;
  readonly signer: Signer;
  /** Milliseconds since 1970. */
  readonly signedAt: number;
  /** When the signature itself expires, in milliseconds since 1970; Infinity if never. Keys never do. */
  readonly validUntil: number;
  /** Those that it satisfies, at least one. */
  readonly keyrings: readonly ReleaseKeyring[];
}

const FRAME = Buffer.from('\0simple-signing\n');

/**
 * Judges a file for a digest (`sha256:HEX`), as of `now`. Where there are several keyrings the cluster-version
 * operator wants a signature for each: `keyrings` of the answer says which this one satisfies.
 */
export function judgeRelease(
  bytes: Uint8Array,
  digest: string,
  keyrings: readonly ReleaseKeyring[],
  now: Date,
): ReleaseSignature | Rejection {
  const fault = checkBlobSize(bytes.length) ?? checkStart(bytes);
  if (fault) return { ...fault, breaksPulls: false };
  const verdicts = keyrings.map((keyring) => judgeFor(bytes, digest, keyring, now));
  const accepted = verdicts.flatMap((verdict) => (isRejection(verdict) ? [] : [verdict]));
  const [first] = accepted;
  if (first) return { ...first, keyrings: accepted.flatMap(({ keyrings: good }) => good) };
  const refusals = verdicts.filter(isRejection);
  return (
    refusals.find(({ code }) => code !== 'unknown-signer') ??
    refusals[0] ??
    reject('cannot-verify', 'no release keys were given')
  );
}

/** What no packet begins with. */
function checkStart(bytes: Uint8Array): Rejection | undefined {
  const [first = 0] = bytes;
  if (first >= 0x80) return undefined;
  if (FRAME.equals(bytes.subarray(0, FRAME.length))) {
    return reject('framed', 'expected an OpenPGP message, got one in a `simple-signing` frame');
  }
  const got = `0x${first.toString(16).padStart(2, '0')}`;
  const message = `expected an OpenPGP message, got one that starts with ${got}`;
  return explainForeignSignature(bytes, false) ?? reject('unknown-format', message);
}

function judgeFor(
  bytes: Uint8Array,
  digest: string,
  keyring: ReleaseKeyring,
  now: Date,
): ReleaseSignature | Rejection {
  const message = catchFault(() => readGoMessage(bytes, keyring.entities));
  if (message instanceof GoFault) return explainUnreadable(bytes, message);
  const fault = findSignatureFault(bytes, message, keyring);
  if (fault) return fault;
  const { signature, signer } = message;
  if (!signature || !signer) return reject('malformed', 'expected a signature behind the payload');
  const { lifetime } = signature.subpackets;
  const signedAt = signature.createdAt * 1000;
  const validUntil = lifetime === undefined ? Infinity : signedAt + lifetime * 1000;
  if (now.getTime() > validUntil) {
    const text = `the signature expired at ${formatTime(validUntil)}`;
    return reject('signature-expired', text);
  }
  const claims = parseReleaseClaims(message.untrustedPayload, digest);
  if (isRejection(claims)) return claims;
  const { fingerprint } = signer.key;
  const primaryFingerprint = signer.entity.primary.fingerprint;
  return {
    identity: claims.dockerReference,
    claims,
    signer: { fingerprint, primaryFingerprint },
    signedAt,
    validUntil,
    keyrings: [keyring],
  };
}

/** Go's words, unless the packets show what is wrong. */
function explainUnreadable(bytes: Uint8Array, fault: GoFault): Rejection {
  const known = findMessageFault(bytes, MAX_BLOB_BYTES);
  if (known) return { ...known, breaksPulls: false };
  const text = `the cluster-version operator cannot read the message: ${fault.message}`;
  return reject(fault.kind === 'unsupported' ? 'unsupported-signature' : 'malformed', text);
}

function findSignatureFault(
  bytes: Uint8Array,
  { isSigned, keyId = '', signer, fault, signature }: GoMessage,
  { entities, keys }: ReleaseKeyring,
): Rejection | undefined {
  if (!isSigned) {
    const known = findMessageFault(bytes, MAX_BLOB_BYTES);
    if (known) return { ...known, breaksPulls: false };
    return reject('not-signed', 'expected a one-pass signature in front of the payload');
  }
  if (!signer)
    return explainNoSigner(
      keyId,
      entities,
      keys.map(({ fingerprint }) => fingerprint),
    );
  if (!fault) return undefined;
  if (fault.kind === 'bad-signature' || fault.kind === 'invalid-argument') {
    return reject('bad-signature', `the signature is not good: ${fault.message}`);
  }
  const text = `the cluster-version operator cannot read the signature: ${fault.message}`;
  const code = !signature && fault.kind === 'unsupported' ? 'unsupported-signature' : 'malformed';
  return reject(code, text);
}

function explainNoSigner(
  keyId: string,
  entities: ReleaseKeyring['entities'],
  fingerprints: readonly string[],
): Rejection {
  const own = entities.find(
    ({ primary, subkeys }) =>
      primary.keyId === keyId || subkeys.some(({ key }) => key.keyId === keyId),
  );
  const id = keyId.toUpperCase();
  if (!own) {
    const message = `expected a signature by ${fingerprints.join(' or ')}, got one by the key ${id}`;
    const hint =
      'Only the keys that the running release brings along count: fetch the signature from where the release comes from.';
    return reject('unknown-signer', message, { hint });
  }
  if (own.isRevoked) return reject('key-revoked', `the key ${own.primary.fingerprint} is revoked`);
  return reject('signer-not-accepted', `the key ${id} is not for signing, or revoked`);
}
