// Signs what is sent as Standard Webhooks 1.0 describes (standard-webhooks/spec): a MAC with SHA-256 over
// the id, the time and the bytes of the body. Several secrets give several signatures, so that a receiver
// that knows one of them, old or new, takes the message.
import { createHmac } from 'node:crypto';

/** The bytes of a secret. */
export type WebhookSecret = Buffer;

const PREFIX = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** A line of a secret file is of no use. */
export class WebhookSecretError extends Error {
  override readonly name = 'WebhookSecretError';
}

/**
 * Reads a secret: `whsec_` and base64 stands for the bytes that it encodes, any other text for its own
 * bytes. Nothing of it is in the error.
 * @throws WebhookSecretError
 */
export function parseWebhookSecret(text: string): WebhookSecret {
  if (!text.startsWith(PREFIX)) return Buffer.from(text);
  const encoded = text.slice(PREFIX.length);
  if (encoded === '' || !BASE64.test(encoded)) {
    throw new WebhookSecretError(`expected base64 behind ${PREFIX}`);
  }
  return Buffer.from(encoded, 'base64');
}

/** The headers of a message; `at` is when it is sent, in milliseconds since 1970. */
export function signWebhook(
  secrets: readonly WebhookSecret[],
  id: string,
  at: number,
  body: string,
): Readonly<Record<string, string>> {
  const seconds = Math.floor(at / 1000);
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`);
    return `v1,${mac.digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
  };
}
