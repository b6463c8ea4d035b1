// A secret that comes as it is, over a network that others may read.
import assert from 'node:assert/strict';
import { type ListeningWebhook, listenWebhook } from '../../../kit/server/listening-webhook.ts';
import { FORGE_DELIVERIES, sendDelivery } from '../../../kit/web/forge-deliveries.ts';

const SECRET = 'correct horse battery staple';
const SHOWN = ['GitLab, token', 'GitLab, token, system hook', 'Azure DevOps'];

interface Sent {
  readonly secret?: string;
  /** As a proxy says. */
  readonly protocol?: string;
}

describe('a secret that comes in clear', () => {
  let webhook: ListeningWebhook;
  const listen = async (trustedProxies: readonly string[]): Promise<void> => {
    webhook = await listenWebhook({ secrets: () => [SECRET], trustedProxies });
  };
  afterEach('close', () => webhook.close());
  const deliver = async (names: readonly string[], sent: Sent = {}): Promise<void> => {
    const { secret = SECRET, protocol = 'http' } = sent;
    for (const name of names) {
      const [, make] = FORGE_DELIVERIES[name] ?? [];
      if (!make) throw new Error(`${name} delivers nothing`);
      const { headers, body } = await make({ secret, branch: 'main', commit: undefined });
      const all = [...headers, ['X-Forwarded-Proto', protocol] as const];
      const { status } = await sendDelivery(webhook.url, { body, headers: all });
      assert.equal(status, secret === SECRET ? 202 : 401);
    }
  };
  const readWarnings = (): readonly string[] => {
    const lines = webhook.log.text().split('\n');
    return lines.filter((line) => line.includes('"level":"warn"'));
  };

  it('is told of once for each forge, and not for signatures', async () => {
    await listen([]);
    await deliver(Object.keys(FORGE_DELIVERIES).filter((name) => !SHOWN.includes(name)));
    assert.deepEqual(readWarnings(), []);
    // A stranger can say anything.
    await deliver([...SHOWN, ...SHOWN], { protocol: 'https' });
    const [gitlab = '', azure = '', ...others] = readWarnings();
    assert.match(gitlab, /"forge":"gitlab".*--tls-cert.*--trusted-proxies.*X-Gitlab-Token/);
    assert.match(azure, /"forge":"azure".*--trusted-proxies.*Authorization/);
    assert.deepEqual(others, []);
  });

  it('is not told of if it is a wrong one', async () => {
    await listen([]);
    await deliver(SHOWN, { secret: 'a guess' });
    assert.deepEqual(readWarnings(), []);
  });

  it('is not told of if TLS ends at a proxy that is trusted', async () => {
    await listen(['loopback']);
    await deliver(SHOWN, { protocol: 'https' });
    assert.deepEqual(readWarnings(), []);
    await deliver(SHOWN);
    assert.equal(readWarnings().length, 2);
  });
});
