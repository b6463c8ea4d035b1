// Signatures by the specification of Standard Webhooks (standard-webhooks/standard-webhooks:
// spec/standard-webhooks.md), as GitLab's signing token makes them: over `ID.TIMESTAMP.BODY`, by several
// keys while one is replaced.
import { type BrokenProof, type SignatureProof, decodeBase64 } from './proof.ts';
import type { WebhookForge } from './webhook-forges.ts';

/** How far the clocks of two machines may be apart; what is older is a replay. Seconds. */
const TOLERANCE = 5 * 60;
const SECRET_PREFIX = 'whsec_';
/** With a full stop in the ID, part of it could be taken for the time. */
const ID = /^[^.\s]+$/;
const TIMESTAMP = /^[0-9]{1,12}$/;
/** Of 32 bytes. Others in the list are by other algorithms. */
const SIGNATURE = /^v1,([A-Za-z0-9+/]{43}=)$/;

interface StandardHeaders {
  /** `webhook-signature`. */
  readonly signature: string;
  readonly id: readonly string[];
  readonly timestamp: readonly string[];
}

/** Reads what the three headers say; `now` is in milliseconds since 1970. */
export function readStandardWebhook(
  {
    signature,
    id: [id = '', ...otherIds],
    timestamp: [timestamp = '', ...others],
  }: StandardHeaders,
  forge: WebhookForge,
  now: number,
): SignatureProof | BrokenProof {
  const broken = (header: string, expected: string): BrokenProof => ({
    kind: 'broken',
    forge,
    header,
    expected,
  });
  if (otherIds.length > 0 || !ID.test(id)) {
    return broken('webhook-id', 'expected one ID, without a full stop');
  }
  if (others.length > 0 || !TIMESTAMP.test(timestamp)) {
    return broken('webhook-timestamp', 'expected one number of seconds since 1970');
  }
  if (Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE) {
    return broken(
      'webhook-timestamp',
      'expected a time within 5 minutes of the clock of this server',
    );
  }
  const digests = signature.split(' ').flatMap((one) => {
    const [, base64 = ''] = SIGNATURE.exec(one) ?? [];
    return decodeBase64(base64) ?? [];
  });
  const header = 'webhook-signature';
  if (digests.length === 0) return broken(header, 'expected v1,BASE64 of an HMAC-SHA256');
  const prefix = `${id}.${timestamp}.`;
  return {
    kind: 'signature',
    forge,
    header,
    digests,
    prefix,
    isOverJson: false,
    toKey: toSigningKey,
  };
}

/** The key in `whsec_BASE64`; any other secret is the key itself. */
export function toSigningKey(secret: string): Buffer {
  return decodeSigningSecret(secret) ?? Buffer.from(secret);
}

/** Whether it looks like `whsec_BASE64`, but has no key. */
export function isBrokenSigningSecret(secret: string): boolean {
  return secret.startsWith(SECRET_PREFIX) && decodeSigningSecret(secret) === undefined;
}

function decodeSigningSecret(secret: string): Buffer | undefined {
  if (!secret.startsWith(SECRET_PREFIX)) return undefined;
  const base64 = secret.slice(SECRET_PREFIX.length);
  // Some leave the padding out.
  const isPadded = base64.includes('=');
  return decodeBase64(isPadded ? base64 : base64.padEnd(Math.ceil(base64.length / 4) * 4, '='));
}
