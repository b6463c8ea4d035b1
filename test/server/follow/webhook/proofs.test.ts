// Who is believed is no matter of opinion: the libraries of the field decide in the same way, and no byte of
// a proof, or of what it is over, can be another one.
import assert from 'node:assert/strict';
import { sign as octokitSign, verify } from '@octokit/webhooks-methods';
import * as fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { FORGE_DELIVERIES } from '../../../kit/web/forge-deliveries.ts';
import { AttackedWebhook, makeDelivery, withProofs } from './forgeries.ts';

const raw = (secret: string): StandardWebhook =>
  new StandardWebhook(Buffer.from(secret), { format: 'raw' });

describe('proofs of origin', () => {
  const webhook = new AttackedWebhook();

  it('are told from good ones as the libraries of the field tell them', async () => {
    const signs = fc.constantFrom('as it is', 'by another', 'of another body', 'cut', 'prefixed');
    const property = fc.asyncProperty(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }),
      signs,
      async (body, secret, sign) => {
        webhook.secrets = ['the one before', secret];
        const key = sign === 'by another' ? `${secret}x` : secret;
        const signed = sign === 'of another body' ? `${body}.` : body;
        const header = await octokitSign(key, signed || ' ');
        const value = { cut: header.slice(0, -2), prefixed: `x${header}` }[sign as 'cut'] ?? header;
        const good = body !== '' && (await verify(secret, body, value));
        const status = await webhook.send({
          body: Buffer.from(body),
          headers: [['X-Hub-Signature-256', value]],
        });
        assert.equal(status === 401, !good);

        const id = 'msg_x';
        const at = new Date();
        const list = raw(key).sign(id, at, signed);
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature':
            { cut: list.slice(0, -2), prefixed: `x${list}` }[sign as 'cut'] ?? list,
        };
        const isGood = (): boolean => {
          try {
            raw(secret).verify(body, headers, { jsonParse: false });
            return true;
          } catch {
            return false;
          }
        };
        const expected = isGood() ? 202 : 401;
        const given = await webhook.send({
          body: Buffer.from(body),
          headers: Object.entries(headers),
        });
        assert.equal(given, expected);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it('are refused whichever byte of them somebody turns', async () => {
    const names = Object.keys(FORGE_DELIVERIES).filter((name) => !name.includes('form'));
    const property = fc.asyncProperty(
      fc.constantFrom(...names),
      fc.boolean(),
      fc.nat(),
      fc.integer({ min: 1, max: 15 }),
      async (name, isBody, place, mask) => {
        const { headers, body } = await makeDelivery(name);
        // Header values stay visible characters; letters in the other case are other letters.
        const turn = (value: string): string => {
          const at = value.length - 1 - (place % Math.min(value.length, 40));
          const code = value.charCodeAt(at) ^ mask;
          const turned = code > 0x20 && code < 0x7f ? String.fromCharCode(code) : '~';
          return value.slice(0, at) + turned + value.slice(at + 1);
        };
        const isShown = name.startsWith('GitLab, token') || name === 'Azure DevOps';
        if (isBody && !isShown) {
          const at = place % body.length;
          const turned = Buffer.from(body);
          turned[at] = (turned[at] ?? 0) ^ mask;
          assert.equal(await webhook.send({ headers, body: turned }), 401);
        } else {
          const delivery = withProofs({ headers, body }, (value) => [turn(value)]);
          assert.equal(await webhook.send(delivery), 401, JSON.stringify(delivery.headers));
        }
      },
    );
    await fc.assert(property, { numRuns: 200 });
    webhook.assertNothing();
  });
});
