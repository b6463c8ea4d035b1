import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import { signWebhook } from '../../../server/events/webhook-signature.ts';
import {
  isBrokenSigningSecret,
  toSigningKey,
} from '../../../server/follow/webhook/proofs/standard-webhooks.ts';

const BYTES = Buffer.from('0123456789abcdef01234567');
const ENCODED = BYTES.toString('base64');
const BODY = '{"text":"é\\u202e"}';

describe('the signature of a webhook', () => {
  const forms = [
    [`whsec_${ENCODED}`, new Webhook(`whsec_${ENCODED}`)],
    [`whsec_${Buffer.from('12345').toString('base64')}`, new Webhook(`whsec_${btoa('12345')}`)],
    [`whsec_${btoa('1234').replaceAll('=', '')}`, new Webhook(`whsec_${btoa('1234')}`)],
    ['a plain secret', new Webhook('a plain secret', { format: 'raw' })],
    [ENCODED, new Webhook(ENCODED, { format: 'raw' })],
  ] as const;
  for (const [secret, webhook] of forms) {
    it(`is what the reference implementation expects of ${secret}`, () => {
      const headers = signWebhook([toSigningKey(secret)], 'msg-1', Date.now(), BODY);
      assert.deepEqual(webhook.verify(BODY, headers), JSON.parse(BODY));
      assert.throws(() => webhook.verify(`${BODY} `, headers));
      assert.throws(() => webhook.verify(BODY, { ...headers, 'webhook-id': 'msg-2' }));
      const late = signWebhook([toSigningKey(secret)], 'msg-1', Date.now() - 600_000, BODY);
      assert.throws(() => webhook.verify(BODY, late));
    });
  }

  it('is there once for each secret, and not without one', () => {
    const secrets = ['a', 'b'].map(toSigningKey);
    const { 'webhook-signature': both = '', ...rest } = signWebhook(secrets, 'id', 5999, BODY);
    assert.deepEqual(rest, { 'webhook-id': 'id', 'webhook-timestamp': '5' });
    const each = secrets.map((secret) => signWebhook([secret], 'id', 5999, BODY));
    assert.equal(both, each.map((one) => one['webhook-signature']).join(' '));
    assert.deepEqual(signWebhook([], 'id', 5999, BODY), rest);
  });

  for (const secret of [
    'whsec_',
    'whsec_a',
    'whsec_ab c',
    'whsec_ab=',
    'whsec_abcd====',
    'whsec_é',
  ]) {
    it(`cannot be made with ${JSON.stringify(secret)}`, () => {
      assert.ok(isBrokenSigningSecret(secret));
    });
  }
});
