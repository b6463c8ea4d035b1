// What a delivery leads to that tells of no push to the branch: 2xx, and no refresh. And what is told of one
// that shows its secret to the network.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { eventually } from '../../../kit/eventually.ts';
import { type ListeningWebhook, listenWebhook } from '../../../kit/server/listening-webhook.ts';
import {
  FORGE_DELIVERIES,
  type ForgeDelivery,
  hmacOf,
  sendDelivery,
} from '../../../kit/web/forge-deliveries.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const SECRET = 'correct horse battery staple';
const ZEN = '{"zen": "…"}';
const MAIN = `{"ref": "refs/heads/main", "after": "${COMMIT}"}`;
const GONE = { new: null, old: { type: 'branch', name: 'gone' } };
const TAG = { new: { type: 'tag', name: 'main', target: { hash: COMMIT } }, old: null };

function formatCloud(...changes: readonly object[]): string {
  return JSON.stringify({ push: { changes } });
}

/** A delivery with the proof of a forge. */
function formatSigned(forge: string, event: string | undefined, body: string): ForgeDelivery {
  const hex = hmacOf(SECRET, body);
  const proofs: Readonly<Record<string, readonly [string, string]>> = {
    github: ['X-Hub-Signature-256', `sha256=${hex}`],
    gitea: ['X-Gitea-Signature', hex],
    gogs: ['X-Gogs-Signature', hex],
    forgejo: ['X-Forgejo-Signature', hex],
    bitbucket: ['X-Hub-Signature', `sha256=${hex}`],
    gitlab: ['X-Gitlab-Token', SECRET],
    azure: ['Authorization', `Basic ${btoa(`:${SECRET}`)}`],
  };
  const proof = proofs[forge] ?? ['X-Signature', `sha256=${hex}`];
  const name = forge === 'bitbucket' ? 'X-Event-Key' : `X-${forge}-Event`;
  return {
    body: Buffer.from(body),
    headers: event === undefined ? [proof] : [proof, [name, event]],
  };
}

/** What comes of an event: the forge, its name, the body and the result. */
const TOLD: Record<string, readonly [string, string | undefined, string, string]> = {
  'a ping of GitHub': ['github', 'ping', ZEN, 'ping'],
  'a ping of GitHub that is no JSON': ['github', 'ping', 'nonsense', 'ping'],
  'a test of Bitbucket, signed': ['bitbucket', 'diagnostics:ping', '{"test": true}', 'ping'],
  'a tag of Bitbucket, named like the branch': [
    'bitbucket',
    'repo:push',
    formatCloud(TAG),
    'ignored',
  ],
  'two branches of Bitbucket, both deleted': [
    'bitbucket',
    'repo:push',
    formatCloud(GONE, GONE),
    'ignored',
  ],
  'a push of Bitbucket without a change': ['bitbucket', 'repo:push', formatCloud(), 'ignored'],
  'a change of Bitbucket from nothing to nothing': [
    'bitbucket',
    'repo:push',
    formatCloud({ new: null, old: null }),
    'ignored',
  ],
  'a pull request of Bitbucket': ['bitbucket', 'pullrequest:created', '{}', 'ignored'],
  'no event of Bitbucket': ['bitbucket', undefined, '{}', 'ignored'],
  'a push of Bitbucket that is none': ['bitbucket', 'repo:push', '{"push": {}}', 'invalid'],
  'refs of Bitbucket that are none': [
    'bitbucket',
    'repo:refs_changed',
    '{"changes": [1]}',
    'invalid',
  ],
  'a tag of GitLab': ['gitlab', 'Tag Push Hook', MAIN, 'ignored'],
  'a system hook of GitLab': ['gitlab', 'System Hook', '{"event_name": "user_create"}', 'ignored'],
  'a merge request in a system hook': [
    'gitlab',
    'System Hook',
    '{"object_kind": "merge_request"}',
    'ignored',
  ],
  'a system hook of GitLab that is no JSON': ['gitlab', 'System Hook', '[', 'invalid'],
  'an update of GitLab, of other branches': [
    'gitlab',
    'System Hook',
    '{"event_name": "repository_update", "changes": [{"ref": "refs/tags/main"}]}',
    'ignored',
  ],
  'an update of GitLab that is none': [
    'gitlab',
    'System Hook',
    '{"event_name": "repository_update", "changes": ["refs/heads/main"]}',
    'invalid',
  ],
  'a push of GitLab that is none': ['gitlab', 'Push Hook', '{"ref": 1}', 'invalid'],
  'no event of GitLab': ['gitlab', undefined, MAIN, 'ignored'],
  'an issue of Gitea': ['gitea', 'issues', '{}', 'ignored'],
  'a branch of Gitea that was made': ['gitea', 'create', MAIN, 'ignored'],
  'an issue of Forgejo': ['forgejo', 'issues', '{}', 'ignored'],
  'a release of Gogs': ['gogs', 'release', '{}', 'ignored'],
  'a build of Azure DevOps': ['azure', undefined, '{"eventType": "build.complete"}', 'ignored'],
  'a push of Azure DevOps that is none': [
    'azure',
    undefined,
    '{"eventType": "git.push"}',
    'invalid',
  ],
  'no event of Azure DevOps': ['azure', undefined, '{}', 'ignored'],
  'no JSON of Azure DevOps': ['azure', undefined, 'nonsense', 'invalid'],
};

const SHOWN = Object.keys(FORGE_DELIVERIES).filter(
  (name) => name.startsWith('GitLab, token') || name === 'Azure DevOps',
);

interface Sent {
  readonly secret?: string;
  /** As a proxy says. */
  readonly protocol?: string;
}

describe('what a delivery tells', () => {
  let webhook: ListeningWebhook;
  before('listen', async () => {
    webhook = await listenWebhook({ secrets: () => [SECRET] });
  });
  after('close', () => webhook.close());
  beforeEach('reset', () => {
    webhook.pushes.length = 0;
    webhook.deliveries.length = 0;
  });

  for (const [name, [forge, event, body, result]] of Object.entries(TOLD)) {
    it(`gets ${result}: ${name}`, async () => {
      const { status, text } = await sendDelivery(webhook.url, formatSigned(forge, event, body));
      const statuses: Record<string, number> = { ping: 200, ignored: 202, invalid: 400 };
      assert.equal(status, statuses[result], text);
      assert.deepEqual(webhook.deliveries, [`${forge} ${result}`]);
      assert.deepEqual(webhook.pushes, []);
    });
  }

  it('is told to whoever looks at the delivery, if it is wrong', async () => {
    const headers = { id: ['webhook-id', 'x'], old: ['webhook-timestamp', '1'] } as const;
    const push = formatSigned('github', 'push', 'nonsense');
    const form = ['Content-Type', 'application/x-www-form-urlencoded'] as const;
    const wrong: Readonly<Record<string, ForgeDelivery['headers']>> = {
      'no proof of origin: set the secret at the git host': [],
      'the X-Hub-Signature header is wrong: expected sha256= and the digits of an HMAC-SHA256': [
        ['X-Hub-Signature', 'sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709'],
      ],
      'the X-Gitea-Signature header is wrong: expected the digits of an HMAC-SHA256': [
        ['X-Gitea-Signature', 'x'],
      ],
      'the X-Forgejo-Signature header is wrong: it is empty: set the secret at the git host': [
        ['X-Forgejo-Signature', ''],
        ['X-Gitea-Signature', ''],
      ],
      'the X-Gitlab-Token header is wrong: expected it once': [
        ['X-Gitlab-Token', 'x'],
        ['X-Gitlab-Token', SECRET],
      ],
      'the X-Gitlab-Token header is wrong: it is none of the secrets': [['X-Gitlab-Token', 'x']],
      'the X-Signature header is wrong: it was made with another secret, or for another body': [
        ['X-Signature', `sha256=${'0'.repeat(64)}`],
      ],
      'the Authorization header is wrong: expected a Basic login': [['Authorization', 'Bearer x']],
      'the webhook-id header is wrong: expected one ID, without a full stop': [
        ['webhook-signature', 'v1,x'],
      ],
      'the webhook-timestamp header is wrong: expected a time within 5 minutes of the clock of this server':
        [['webhook-signature', 'v1,x'], headers.id, headers.old],
      'expected the JSON of a push event': push.headers,
      'expected the JSON of a push event in the field "payload" of the form': [
        ...push.headers,
        form,
      ],
    };
    for (const [message, given] of Object.entries(wrong)) {
      const { text } = await sendDelivery(webhook.url, { headers: given, body: push.body });
      assert.equal(text, JSON.stringify({ message }));
    }
    const narrow = await listenWebhook({ secrets: () => [SECRET], forges: ['gitlab', 'generic'] });
    const { text } = await sendDelivery(narrow.url, push);
    narrow.close();
    assert.match(text, /set the secret at the git host, which is one of gitlab, generic"/);
  });

  it('answers the test of Bitbucket Data Center, which is not signed, and says so', async () => {
    const body = Buffer.from('{"test": true}');
    const test: ForgeDelivery = { body, headers: [['X-Event-Key', 'diagnostics:ping']] };
    const { status, text } = await sendDelivery(webhook.url, test);
    assert.equal(status, 200);
    assert.match(text, /does not sign this test/);
    assert.deepEqual(webhook.deliveries, ['bitbucket ping']);
    const forged: ForgeDelivery = {
      body,
      headers: [...test.headers, ['X-Hub-Signature', `sha256=${hmacOf('another', body)}`]],
    };
    assert.equal((await sendDelivery(webhook.url, forged)).status, 401);
    const push: ForgeDelivery = { body, headers: [['X-Event-Key', 'repo:refs_changed']] };
    assert.equal((await sendDelivery(webhook.url, push)).status, 401);
  });

  it('is written to the log, with the name that the forge gave to the delivery', async () => {
    const logged = z.object({ delivery: z.string(), forge: z.string() });
    for (const [name, [forge, make]] of Object.entries(FORGE_DELIVERIES)) {
      webhook.log.take();
      const delivery = await make({ secret: SECRET, branch: 'main', commit: COMMIT });
      await sendDelivery(webhook.url, delivery);
      const line = webhook.log.take().find((one) => one.includes('refresh queued'));
      const entry = logged.parse(JSON.parse(line ?? '{}'));
      assert.equal(entry.forge, forge, name);
      const isNamed = delivery.headers.some(([, value]) => value === entry.delivery);
      assert.equal(isNamed, forge !== 'azure' && name !== 'a pipeline with X-Signature', name);
    }
    const all = Object.keys(FORGE_DELIVERIES);
    await eventually(() => assert.equal(webhook.pushes.length, all.length));
  });
});

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
