// What one signature file says, with or without keys; for people who look at a single file.
import { MAX_BLOB_BYTES, parseSignatureFile } from '../openpgp/signature-file.ts';
import { parseClaims } from '../gate/claims.ts';
import { formatTime } from '../terms/text.ts';
import { type Warning, warnOfSignature } from '../gate/judge.ts';
import { nameAlgorithms } from '../openpgp/algorithms.ts';
import type { OpenMessage, Signer } from '../openpgp/open-message.ts';
import type { Keyring } from '../openpgp/keyring.ts';
import { findSignaturePacket } from '../openpgp/packets/message-fault.ts';
import { type Rejection, isRejection } from '../terms/rejection.ts';
import { type ReportedClaims, formatClaims } from '../store/report.ts';

/** What the signature packet says of itself; nothing of it is verified. */
export interface ShownPacket {
  /** 16 upper-case hex digits; null if no key is named. */
  readonly keyId: string | null;
  readonly version: number;
  /** `RSA`, `SHA-256`, … */
  readonly publicKeyAlgorithm: string;
  readonly hashAlgorithm: string;
  /** ISO 8601. */
  readonly created: string;
  /** ISO 8601, or null for one that does not expire. */
  readonly expires: string | null;
}

export type ShownVerdict =
  /** Without keys nothing is verified. */
  | { readonly status: 'unverified' }
  | { readonly status: 'accepted'; readonly signer: Signer; readonly warnings: readonly Warning[] }
  | ({ readonly status: 'rejected' } & Rejection);

/** A signature file, taken apart as far as it goes. */
export interface ShownSignature {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly form: 'binary' | 'framed' | 'unknown';
  /** Untrusted unless the verdict is `accepted`; null where there are none. */
  readonly claims: ReportedClaims | null;
  readonly signature: ShownPacket | null;
  /** Of the signature; not of the place where it lies. */
  readonly verdict: ShownVerdict;
}

export interface DescribeOptions {
  /** Undefined: nothing is verified. */
  readonly keyring: Keyring | undefined;
  readonly openMessage: OpenMessage;
}

/** Takes a file apart; where it lies is not looked at, as git shows files under other names. */
export async function describeSignature(
  path: string,
  bytes: Uint8Array,
  { keyring, openMessage }: DescribeOptions,
  now: Date,
): Promise<ShownSignature> {
  const blob = parseSignatureFile(bytes);
  if (isRejection(blob)) {
    const verdict = { status: 'rejected', ...blob } as const;
    const nothing = { form: 'unknown', claims: null, signature: null } as const;
    return { path, size: bytes.length, ...nothing, verdict };
  }
  const message = blob.untrustedMessage;
  const opened = await openMessage(message, undefined, now);
  const claims = isRejection(opened) ? opened : parseClaims(opened.untrustedPayload);
  const shown = {
    path,
    size: bytes.length,
    form: message.length === bytes.length ? 'binary' : 'framed',
    claims: isRejection(claims) ? null : formatClaims(claims),
    signature: showPacket(message),
  } as const;
  if (isRejection(claims)) return { ...shown, verdict: { status: 'rejected', ...claims } };
  if (!keyring) return { ...shown, verdict: { status: 'unverified' } };

  const verified = await openMessage(message, keyring, now);
  if (isRejection(verified)) return { ...shown, verdict: { status: 'rejected', ...verified } };
  const { signer } = verified;
  if (!signer) return { ...shown, verdict: { status: 'unverified' } };
  const warnings = warnOfSignature(verified, now, 0);
  return { ...shown, verdict: { status: 'accepted', signer, warnings } };
}

function showPacket(message: Uint8Array): ShownPacket | null {
  const packet = findSignaturePacket(message, MAX_BLOB_BYTES);
  if (!packet) return null;
  const { publicKeyAlgorithm, hashAlgorithm, createdAt, expiresAt } = packet;
  const { publicKey, hash } = nameAlgorithms(publicKeyAlgorithm, hashAlgorithm, undefined);
  return {
    keyId: packet.keyId?.toUpperCase() ?? null,
    version: packet.version,
    publicKeyAlgorithm: publicKey,
    hashAlgorithm: hash,
    created: formatTime(createdAt),
    expires: Number.isFinite(expiresAt) ? formatTime(expiresAt) : null,
  };
}
