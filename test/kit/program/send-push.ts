import { createHmac, randomUUID } from 'node:crypto';

export interface SendPushOptions {
  readonly baseUrl: string;
  readonly secret: string;
  /** `refs/heads/main` unless told. */
  readonly ref?: string;
  /** The commit that was pushed. */
  readonly after?: string;
  /** `push` unless told. */
  readonly event?: string;
  /** The whole body, instead of one made of `ref` and `after`. */
  readonly body?: string;
  /** More headers, e.g. another `X-Hub-Signature-256`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A delivery of GitHub's webhook. */
export interface Delivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The delivery that GitHub makes of a push, properly signed. */
export function formatPush(options: Omit<SendPushOptions, 'baseUrl'>): Delivery {
  const { secret, ref = 'refs/heads/main', after = '0'.repeat(40), headers } = options;
  const payload = { ref, before: '0'.repeat(40), after, repository: { full_name: 'team/sigs' } };
  const body = options.body ?? JSON.stringify(payload);
  return {
    body,
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'GitHub-Hookshot/0000000',
      'X-GitHub-Event': options.event ?? 'push',
      'X-GitHub-Delivery': randomUUID(),
      'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      ...headers,
    },
  };
}

/** Sends the webhook that GitHub sends for a push; returns the answer. */
export async function sendPush(
  options: SendPushOptions,
): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${options.baseUrl}/webhook`, {
    method: 'POST',
    redirect: 'manual',
    ...formatPush(options),
  });
  return { status: response.status, body: await response.text() };
}
