// Nothing that was not sent by somebody who knows a secret leads to a refresh: each delivery, with each
// thing changed that somebody without the secret may change.
import assert from 'node:assert/strict';
import { FORGE_DELIVERIES, hmacOf } from '../../../kit/web/forge-deliveries.ts';
import {
  AttackedWebhook,
  FORGED_BODIES,
  FORGERIES,
  PROOFS,
  SECRET,
  makeDelivery,
  withHeader,
  withHeaders,
  withProofs,
} from './forgeries.ts';

describe('forged deliveries', () => {
  const webhook = new AttackedWebhook();

  for (const name of Object.keys(FORGE_DELIVERIES)) {
    const isSigned = !name.startsWith('GitLab, token') && name !== 'Azure DevOps';
    it(`are refused, however they are forged: ${name}`, async () => {
      const good = await makeDelivery(name);
      const others = await makeDelivery(name, { secret: 'of somebody else' });
      const all = { ...FORGERIES, ...(isSigned ? FORGED_BODIES : {}) };
      for (const [how, forge] of Object.entries(all)) {
        assert.equal(await webhook.send(forge(good, others)), 401, how);
      }
      webhook.assertNothing();
      assert.equal(await webhook.send(good), 202);
    });

    it(`are refused if the proof that decides is wrong, and by no weaker one: ${name}`, async () => {
      const good = await makeDelivery(name);
      const first = PROOFS.findIndex((proof) => good.headers.some(([header]) => header === proof));
      assert.ok(first >= 0, name);
      for (const [at, proof] of PROOFS.entries()) {
        if (good.headers.some(([header]) => header === proof)) continue;
        for (const wrong of ['', `sha256=${'0'.repeat(64)}`, '0'.repeat(64)]) {
          const status = await webhook.send(withHeaders(good, [[proof, wrong]]));
          assert.equal(status, at < first ? 401 : 202, `${proof}: ${wrong}`);
        }
      }
    });

    it(`are refused unread if they are compressed: ${name}`, async () => {
      const delivery = withHeaders(await makeDelivery(name), [['Content-Encoding', 'gzip']]);
      assert.equal(await webhook.send(delivery), 400);
      webhook.assertNothing();
    });
  }

  it('are refused without any secret, also by secrets that look like none', async () => {
    for (const secret of ['whsec_', 'whsec_!', 'undefined', 'null', '0']) {
      webhook.secrets = [secret];
      for (const name of Object.keys(FORGE_DELIVERIES)) {
        const good = await makeDelivery(name, { secret: 'x' });
        for (const wrong of ['', ' ', 'x']) {
          const proven = withProofs(good, (value, proof) => {
            if (proof === 'X-Gitlab-Token') return [wrong];
            if (proof === 'Authorization') return [`Basic ${btoa(`:${wrong}`)}`];
            return [value.replace(/[0-9a-f]{64}/, hmacOf(wrong, good.body))];
          });
          assert.equal(await webhook.send(proven), 401, `${name} ${secret}`);
        }
      }
      const signed = { headers: [], body: Buffer.from('x') };
      const id = 'x';
      const at = String(Math.floor(Date.now() / 1000));
      const digest = Buffer.from(hmacOf('', `${id}.${at}.x`), 'hex').toString('base64');
      const empty = withHeaders(signed, [
        ['webhook-id', id],
        ['webhook-timestamp', at],
        ['webhook-signature', `v1,${digest}`],
      ]);
      assert.equal(await webhook.send(empty), 401, secret);
    }
    webhook.secrets = [];
    for (const name of Object.keys(FORGE_DELIVERIES))
      assert.equal(await webhook.send(await makeDelivery(name)), 404);
    webhook.assertNothing();
  });

  it('are refused as forms that can be read in two ways', async () => {
    const other = encodeURIComponent(JSON.stringify({ ref: 'refs/heads/main' }));
    for (const name of ['Gitea, as a form', 'Forgejo, as a form', 'Gogs, as a form']) {
      const { headers, body } = await makeDelivery(name);
      const form = body.toString();
      const forged = [
        `${form}&payload=${other}`,
        `payload=${other}&${form}`,
        `${form}&payload`,
        `${form}&%70ayload=${other}`,
        `${form}&a=%`,
        form.replace('payload=', 'payload%3d'),
        form.replace('payload=', 'Payload='),
        form.replace('payload=', ''),
        form.slice('payload='.length),
        form.replace('%22', '%2'),
        form.replace('%22', '%%22'),
        form.replace('%22', '%2522'),
        form.replace('%22', '%u0022'),
      ];
      for (const one of forged)
        assert.equal(await webhook.send({ headers, body: Buffer.from(one) }), 401, one);
      const asJson = headers.map(([header, value]) =>
        header === 'Content-Type'
          ? ([header, 'application/json'] as const)
          : ([header, value] as const),
      );
      assert.equal(await webhook.send({ headers: asJson, body }), 401, name);
      webhook.assertNothing();
      // The same fields in another spelling are the same form.
      for (const one of [`${form}&other=1`, `a=b&${form}`, form.replace('payload', 'p%61yload')]) {
        assert.equal(await webhook.send({ headers, body: Buffer.from(one) }), 202, one);
      }
      webhook.forget();
    }
    const body = Buffer.from(`payload=${other}&payload=${other}`);
    const signature = `sha256=${hmacOf(SECRET, body)}`;
    const { headers } = await makeDelivery('GitHub, as a form');
    const twice = withHeader({ headers, body }, 'X-Hub-Signature-256', signature);
    assert.equal(await webhook.send(twice), 400, 'signed, but two');
    webhook.assertNothing();
  });

  it('are refused if they show another secret, or a part of it', async () => {
    const token = await makeDelivery('GitLab, token');
    const login = await makeDelivery('Azure DevOps');
    const wrong = [
      SECRET.slice(0, -1),
      SECRET.slice(1),
      SECRET.slice(0, 1),
      `${SECRET}${SECRET}`,
      SECRET.toUpperCase(),
      `the one before\t${SECRET}`,
      `"${SECRET}"`,
      `Bearer ${SECRET}`,
      `sha256=${hmacOf(SECRET, token.body)}`,
      'the',
    ];
    for (const one of wrong) {
      assert.equal(await webhook.send(withHeader(token, 'X-Gitlab-Token', one)), 401, one);
      const header = `Basic ${Buffer.from(`lookaside:${one}`).toString('base64')}`;
      assert.equal(await webhook.send(withHeader(login, 'Authorization', header)), 401, one);
    }
    const logins = [
      `Basic ${btoa(SECRET)}`,
      `Basic ${btoa(`${SECRET}:`)}`,
      `Basic ${btoa(`${SECRET}:x`)}`,
      `Basic ${btoa(`x:x:${SECRET}`)}`,
      `Basic x:${SECRET}`,
      `Basic ${btoa(`:${SECRET}`)} x`,
      `Basic${btoa(`:${SECRET}`)}`,
      `Bearer ${SECRET}`,
      `Bearer ${btoa(`:${SECRET}`)}`,
      btoa(`:${SECRET}`),
      'Basic',
    ];
    for (const one of logins)
      assert.equal(await webhook.send(withHeader(login, 'Authorization', one)), 401, one);
    webhook.assertNothing();
    for (const user of ['', 'x', SECRET]) {
      const header = `basic ${btoa(`${user}:${SECRET}`)}`;
      assert.equal(await webhook.send(withHeader(login, 'Authorization', header)), 202, user);
    }
  });
});
