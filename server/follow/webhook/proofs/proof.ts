// What a delivery carries to show that its sender knows a secret. Every secret that is valid is tried, and
// in the same time whether or not one fits.
import { type Hmac, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { WebhookForge } from './webhook-forges.ts';

/** An HMAC-SHA256 of the body. */
export interface SignatureProof {
  readonly kind: 'signature';
  readonly forge: WebhookForge;
  /** Of the delivery, as people write it. */
  readonly header: string;
  /** HMACs of which one has to be right. */
  readonly digests: readonly Buffer[];
  /** What is signed in front of the body. */
  readonly prefix: string;
  /** Whether it is over the JSON, also where that comes in a form. */
  readonly isOverJson: boolean;
  readonly toKey: (secret: string) => Buffer;
}

/** The secret itself. */
export interface SecretProof {
  readonly kind: 'secret';
  readonly forge: WebhookForge;
  readonly header: string;
  readonly secret: Buffer;
}

/** One that can prove nothing. */
export interface BrokenProof {
  readonly kind: 'broken';
  readonly forge: WebhookForge;
  readonly header: string;
  /** What was expected, or what to do. */
  readonly expected: string;
}

export type Proof = SignatureProof | SecretProof | BrokenProof;

/** What computes the HMACs that the body should have: one for each secret. */
export function startHmacs(proof: SignatureProof, secrets: readonly string[]): readonly Hmac[] {
  return secrets.map((secret) =>
    createHmac('sha256', proof.toKey(secret)).update(proof.prefix, 'latin1'),
  );
}

/** Whether one of the HMACs of the body is one that came with it. */
export function isSigned(proof: SignatureProof, computed: readonly Buffer[]): boolean {
  const matches = computed.flatMap((digest) =>
    proof.digests.map((given) => timingSafeEqual(digest, given)),
  );
  return matches.includes(true);
}

/** Whether it is one of the secrets. */
export function isSecret(proof: SecretProof, secrets: readonly string[]): boolean {
  const given = hash(proof.secret);
  // Of one length, so that the time tells nothing of that of the secrets.
  return secrets.map((secret) => timingSafeEqual(hash(secret), given)).includes(true);
}

/** The bytes that are written so, and in no other way; undefined for none. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}

function hash(bytes: string | Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
