// Signs what is sent as Standard Webhooks 1.0 describes (standard-webhooks/spec): a MAC with SHA-256 over
// the id, the time and the bytes of the body. Several secrets give several signatures, so that a receiver
// that knows one of them, old or new, takes the message.
import { createHmac } from 'node:crypto';

/** The bytes of a secret. */
export type WebhookSecret = Buffer;

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
