// What each forge sends of a push is taken, and what is of no use gets 2xx.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { verify } from '@octokit/webhooks-methods';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { WEBHOOK_FORGES } from '../../../../server/follow/webhook/proofs/webhook-forges.ts';
import { eventually } from '../../../kit/eventually.ts';
import { type ListeningWebhook, listenWebhook } from '../../../kit/server/listening-webhook.ts';
import {
  FORGE_DELIVERIES,
  type ForgeDelivery,
  hmacOf,
  sendDelivery,
} from '../../../kit/web/forge-deliveries.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const SIGNING = `whsec_${randomBytes(32).toString('base64')}`;
/** What a secret may be made of: GitLab sends it in a header, Azure DevOps behind a colon. */
const SECRETS = {
  'of digits': randomBytes(32).toString('hex'),
  'of words': 'correct horse battery staple',
  'with signs': ':a b=c,d"é✓%2B+&',
  'a signing token': SIGNING,
};

describe('the webhook of each forge', () => {
  let webhook: ListeningWebhook;
  let secrets: readonly string[] = [];
  let branch: string | undefined = 'main';
  before('listen', async () => {
    webhook = await listenWebhook({ secrets: () => secrets, branch: () => branch });
  });
  after('close', () => webhook.close());
  beforeEach('reset', () => {
    secrets = ['the one before', SECRETS['of words']];
    branch = 'main';
    webhook.pushes.length = 0;
    webhook.deliveries.length = 0;
  });
  afterEach('each that was accepted has led to one refresh', async () => {
    const accepted = webhook.deliveries.filter((one) => one.endsWith(' accepted'));
    await eventually(() => assert.equal(webhook.pushes.length, accepted.length));
  });
  afterEach('no secret in the log', () => {
    const text = webhook.log.text();
    for (const secret of [...Object.values(SECRETS), 'the one before']) {
      assert.ok(!text.includes(secret), 'a secret');
      assert.ok(!text.includes(Buffer.from(secret).toString('latin1')), 'a secret');
    }
  });

  for (const [name, [forge, make]] of Object.entries(FORGE_DELIVERIES)) {
    const push = { branch: 'main', commit: COMMIT };
    const knows = forge !== 'generic';

    it(`is taken, with whatever secret: ${name}`, async () => {
      for (const [kind, secret] of Object.entries(SECRETS)) {
        secrets = ['the one before', secret];
        const { status, text } = await sendDelivery(webhook.url, await make({ secret, ...push }));
        assert.deepEqual([status, text], [202, '{"message":"refresh queued"}'], kind);
      }
      const all = Object.keys(SECRETS);
      assert.deepEqual(
        webhook.deliveries,
        all.map(() => `${forge} accepted`),
      );
      await eventually(() =>
        assert.deepEqual(
          webhook.pushes,
          all.map(() => (knows ? COMMIT : undefined)),
        ),
      );
    });

    it(`is taken as often as it is repeated: ${name}`, async () => {
      const delivery = await make({ secret: SECRETS['of words'], ...push });
      for (const _time of [1, 2, 3]) {
        assert.equal((await sendDelivery(webhook.url, delivery)).status, 202);
      }
      await eventually(() => assert.equal(webhook.pushes.length, 3));
    });

    if (knows) {
      it(`waits for no commit when the branch was deleted: ${name}`, async () => {
        const told = { secret: SECRETS['of words'], branch: 'main', commit: undefined };
        assert.equal((await sendDelivery(webhook.url, await make(told))).status, 202);
        await eventually(() => assert.deepEqual(webhook.pushes, [undefined]));
      });

      it(`leads to nothing for another branch: ${name}`, async () => {
        const told = { secret: SECRETS['of words'], branch: 'mainline', commit: COMMIT };
        const { status, text } = await sendDelivery(webhook.url, await make(told));
        assert.equal(status, 202);
        assert.match(text, /nothing to do: .*refs\/.* not the branch main/);
        assert.deepEqual(webhook.deliveries, [`${forge} ignored`]);
        assert.deepEqual(webhook.pushes, []);
      });

      it(`leads to a refresh for any branch while none is known: ${name}`, async () => {
        branch = undefined;
        const told = { secret: SECRETS['of words'], branch: 'other', commit: COMMIT };
        assert.equal((await sendDelivery(webhook.url, await make(told))).status, 202);
        await eventually(() => assert.equal(webhook.pushes.length, 1));
      });
    }

    it(`is refused where only others are taken: ${name}`, async () => {
      const others = WEBHOOK_FORGES.filter((one) => one !== forge && !isLike(one, forge));
      const narrow = await listenWebhook({ secrets: () => secrets, forges: others });
      const delivery = await make({ secret: SECRETS['of words'], ...push });
      const { status, text } = await sendDelivery(narrow.url, delivery);
      assert.equal(status, 401, text);
      assert.deepEqual(narrow.pushes, []);
      narrow.close();
      const only = await listenWebhook({
        secrets: () => secrets,
        forges: WEBHOOK_FORGES.filter((one) => one === forge),
      });
      assert.equal((await sendDelivery(only.url, delivery)).status, 202);
      only.close();
    });
  }

  const signed = (
    forge: string,
    event: string | undefined,
    body: string,
    more: ForgeDelivery['headers'] = [],
  ): ForgeDelivery => {
    const hex = hmacOf(SECRETS['of words'], body);
    const headers: Record<string, ForgeDelivery['headers']> = {
      github: [['X-Hub-Signature-256', `sha256=${hex}`]],
      gitea: [['X-Gitea-Signature', hex]],
      gogs: [['X-Gogs-Signature', hex]],
      forgejo: [['X-Forgejo-Signature', hex]],
      bitbucket: [['X-Hub-Signature', `sha256=${hex}`]],
      gitlab: [['X-Gitlab-Token', SECRETS['of words']]],
      azure: [['Authorization', `Basic ${btoa(`:${SECRETS['of words']}`)}`]],
    };
    const names: Record<string, string> = { bitbucket: 'X-Event-Key' };
    const name = names[forge] ?? `X-${forge}-Event`;
    const named: ForgeDelivery['headers'] = event === undefined ? [] : [[name, event]];
    return { body: Buffer.from(body), headers: [...(headers[forge] ?? []), ...named, ...more] };
  };
  const zen = '{"zen": "…"}';
  const main = `{"ref": "refs/heads/main", "after": "${COMMIT}"}`;
  const cloud = (...changes: readonly object[]): string => JSON.stringify({ push: { changes } });
  const gone = { new: null, old: { type: 'branch', name: 'gone' } };
  const tag = { new: { type: 'tag', name: 'main', target: { hash: COMMIT } }, old: null };
  const told: Record<string, readonly [string, string | undefined, string, string]> = {
    'a ping of GitHub': ['github', 'ping', zen, 'ping'],
    'a ping of GitHub that is no JSON': ['github', 'ping', 'nonsense', 'ping'],
    'a test of Bitbucket, signed': ['bitbucket', 'diagnostics:ping', '{"test": true}', 'ping'],
    'a tag of Bitbucket, named like the branch': ['bitbucket', 'repo:push', cloud(tag), 'ignored'],
    'two branches of Bitbucket, both deleted': [
      'bitbucket',
      'repo:push',
      cloud(gone, gone),
      'ignored',
    ],
    'a push of Bitbucket without a change': ['bitbucket', 'repo:push', cloud(), 'ignored'],
    'a change of Bitbucket from nothing to nothing': [
      'bitbucket',
      'repo:push',
      cloud({ new: null, old: null }),
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
    'a tag of GitLab': ['gitlab', 'Tag Push Hook', main, 'ignored'],
    'a system hook of GitLab': [
      'gitlab',
      'System Hook',
      '{"event_name": "user_create"}',
      'ignored',
    ],
    'a merge request in a system hook': [
      'gitlab',
      'System Hook',
      '{"object_kind": "merge_request"}',
      'ignored',
    ],
    'a system hook of GitLab that is no JSON': ['gitlab', 'System Hook', '[', 'invalid'],
    'a push of GitLab that is none': ['gitlab', 'Push Hook', '{"ref": 1}', 'invalid'],
    'no event of GitLab': ['gitlab', undefined, main, 'ignored'],
    'an issue of Gitea': ['gitea', 'issues', '{}', 'ignored'],
    'a branch of Gitea that was made': ['gitea', 'create', main, 'ignored'],
    'an issue of Forgejo': ['forgejo', 'issues', '{}', 'ignored'],
    'a release of Gogs': ['gogs', 'release', '{}', 'ignored'],
    'a build of Azure DevOps': ['azure', undefined, '{"eventType": "build.complete"}', 'ignored'],
    'a push of Azure DevOps that is none': [
      'azure',
      undefined,
      '{"eventType": "git.push"}',
      'invalid',
    ],
    'no event of Azure DevOps': ['azure', undefined, '{}', 'invalid'],
  };
  for (const [name, [forge, event, body, result]] of Object.entries(told)) {
    it(`gets ${result}: ${name}`, async () => {
      const { status, text } = await sendDelivery(webhook.url, signed(forge, event, body));
      const statuses: Record<string, number> = { ping: 200, ignored: 202, invalid: 400 };
      assert.equal(status, statuses[result], text);
      assert.deepEqual(webhook.deliveries, [`${forge} ${result}`]);
      assert.deepEqual(webhook.pushes, []);
    });
  }

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

  it('takes what the libraries of the field sign, and they take what it takes', async () => {
    const [, github] = FORGE_DELIVERIES['GitHub'] ?? [];
    const [, gitlab] = FORGE_DELIVERIES['GitLab, signing token'] ?? [];
    assert.ok(github && gitlab);
    secrets = [SIGNING];
    const push = { secret: SIGNING, branch: 'main', commit: COMMIT };
    for (const delivery of [await github(push), await gitlab(push)]) {
      assert.equal((await sendDelivery(webhook.url, delivery)).status, 202);
      const headers = Object.fromEntries(delivery.headers);
      const body = delivery.body.toString();
      if ('X-Hub-Signature-256' in headers) {
        assert.ok(await verify(SIGNING, body, headers['X-Hub-Signature-256']), 'octokit');
      } else new StandardWebhook(SIGNING).verify(body, headers);
    }
  });

  it('warns once of a secret that comes in clear, when it is the right one', async () => {
    const warnings = (of: ListeningWebhook): readonly string[] =>
      of.log
        .text()
        .split('\n')
        .filter((line) => line.includes('"level":"warn"'));
    const start = async (trustedProxies: readonly string[]): Promise<ListeningWebhook> =>
      listenWebhook({ secrets: () => secrets, trustedProxies });
    const weak = ['GitLab, token', 'Azure DevOps'] as const;
    const deliver = async (
      to: ListeningWebhook,
      name: string,
      secret: string = SECRETS['of words'],
      more: ForgeDelivery['headers'] = [],
    ): Promise<void> => {
      const [, make] = FORGE_DELIVERIES[name] ?? [];
      assert.ok(make);
      const { headers, body } = await make({ secret, branch: 'main', commit: COMMIT });
      await sendDelivery(to.url, { body, headers: [...headers, ...more] });
    };
    const bare = await start([]);
    for (const name of weak) await deliver(bare, name, 'wrong');
    for (const name of Object.keys(FORGE_DELIVERIES)) {
      if (!name.includes('token') && name !== 'Azure DevOps') await deliver(bare, name);
    }
    assert.deepEqual(warnings(bare), []);
    const overTls = [['X-Forwarded-Proto', 'https']] as const;
    for (const name of [...weak, ...weak]) await deliver(bare, name, undefined, overTls);
    const [gitlab = '', azure = '', ...others] = warnings(bare);
    assert.match(gitlab, /"forge":"gitlab".*--trusted-proxies.*X-Gitlab-Token/);
    assert.match(azure, /"forge":"azure".*Authorization/);
    assert.deepEqual(others, []);
    bare.close();

    const proxied = await start(['loopback']);
    for (const name of weak) await deliver(proxied, name, undefined, overTls);
    assert.deepEqual(warnings(proxied), []);
    for (const name of weak) await deliver(proxied, name);
    assert.equal(warnings(proxied).length, 2);
    proxied.close();
  });

  it('logs the name that the forge gave to a delivery', async () => {
    for (const [name, [forge, make]] of Object.entries(FORGE_DELIVERIES)) {
      webhook.log.take();
      const push = { secret: SECRETS['of words'], branch: 'main', commit: COMMIT };
      const delivery = await make(push);
      await sendDelivery(webhook.url, delivery);
      const { delivery: logged, forge: named } = JSON.parse(
        webhook.log.take().find((line) => line.includes('refresh queued')) ?? '{}',
      ) as { delivery?: string; forge?: string };
      assert.equal(named, forge, name);
      const isNamed = delivery.headers.some(([, value]) => value === logged);
      assert.equal(isNamed, forge !== 'azure' && name !== 'a pipeline with X-Signature', name);
    }
  });
});

/** Whether what the other one sends is also a delivery of this one. */
function isLike(one: string, other: string): boolean {
  const repeated: Readonly<Record<string, readonly string[]>> = {
    forgejo: ['gitea', 'gogs', 'github'],
    gitea: ['gogs', 'github'],
  };
  return repeated[other]?.includes(one) ?? false;
}
