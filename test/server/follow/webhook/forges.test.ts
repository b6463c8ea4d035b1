// What each forge sends of a push is taken, byte for byte as it sends it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { verify } from '@octokit/webhooks-methods';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { WEBHOOK_FORGES } from '../../../../server/follow/webhook/proofs/webhook-forges.ts';
import { eventually } from '../../../kit/eventually.ts';
import { type ListeningWebhook, listenWebhook } from '../../../kit/server/listening-webhook.ts';
import { FORGE_DELIVERIES, sendDelivery } from '../../../kit/web/forge-deliveries.ts';

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
      for (let times = 0; times < 3; times++) {
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
});

/** Whether what the other one sends is also a delivery of this one. */
function isLike(one: string, other: string): boolean {
  const repeated: Readonly<Record<string, readonly string[]>> = {
    forgejo: ['gitea', 'gogs', 'github'],
    gitea: ['gogs', 'github'],
  };
  return repeated[other]?.includes(one) ?? false;
}
