// The rule: from the bytes of one file and the place where they lie to a verdict.
import { createHash } from 'node:crypto';
import { parseBlob } from './blob.ts';
import { type UntrustedClaims, parseClaims } from './claims.ts';
import { checkIdentity } from './identity.ts';
import type { Location } from './location.ts';
import { type Keyring, type OpenedMessage, type Signer, openMessage } from './openpgp.ts';
import { type Rejection, isRejection, reject } from './rejection.ts';

/** Something that some nodes take badly although the file may be published. */
export interface Warning {
  readonly code: 'signing-subkey' | 'duplicate' | 'renumbered';
  readonly message: string;
}

/** A signature that may be published. Only {@link createJudge} makes one. */
export interface Signature {
  /** `unverified`: no keys were configured; the form was checked, authenticity was not. */
  readonly status: 'accepted' | 'unverified';
  /** The file, byte for byte. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, base64url. */
  readonly hash: string;
  readonly claims: UntrustedClaims;
  readonly signer?: Signer;
  /** When it was made, in milliseconds since 1970, as the signature says. */
  readonly signedAt: number;
  /** When it must be judged again because it or its key expires; Infinity if never. */
  readonly validUntil: number;
  readonly warnings: readonly Warning[];
}

/** Judges the bytes of a file at a location as of `now`. */
export type Judge = (
  location: Location,
  bytes: Uint8Array,
  now: Date,
) => Promise<Signature | Rejection>;

/** A judge that accepts the keys of a keyring; without one it checks the form only. */
export function createJudge(keyring: Keyring | undefined): Judge {
  return async (location, bytes, now) => {
    const blob = parseBlob(bytes);
    if (isRejection(blob)) return blob;
    const message = await openMessage(blob.untrustedMessage, keyring, now);
    if (isRejection(message)) return message;
    const claims = parseClaims(message.untrustedPayload);
    if (isRejection(claims)) return claims;
    const fault = checkDigest(claims, location) ?? checkIdentity(claims.dockerReference, location);
    return fault ?? toSignature(bytes, message, claims);
  };
}

function checkDigest(claims: UntrustedClaims, location: Location): Rejection | undefined {
  const expected = `sha256:${location.hex}`;
  if (claims.manifestDigest === expected) return undefined;
  const got = claims.manifestDigest === '' ? 'none' : JSON.stringify(claims.manifestDigest);
  return reject('digest-mismatch', `expected the digest ${expected}, got ${got}`);
}

function toSignature(
  bytes: Uint8Array,
  message: OpenedMessage,
  claims: UntrustedClaims,
): Signature {
  const { signer, signedAt, validUntil } = message;
  return {
    status: signer ? 'accepted' : 'unverified',
    bytes,
    hash: createHash('sha256').update(bytes).digest('base64url'),
    claims,
    ...(signer && { signer }),
    signedAt,
    validUntil,
    warnings: signer ? signerWarnings(signer) : [],
  };
}

function signerWarnings(signer: Signer): readonly Warning[] {
  if (signer.fingerprint === signer.primaryFingerprint) return [];
  const message = `signed by the subkey ${signer.fingerprint}, which podman before 5.7 and skopeo before 1.21 refuse`;
  return [{ code: 'signing-subkey', message }];
}
