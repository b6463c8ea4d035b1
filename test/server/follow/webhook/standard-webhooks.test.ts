// Deliveries that are signed as Standard Webhooks say, by GitLab or by a pipeline.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type ForgeDelivery, withStandard } from '../../../kit/web/forge-deliveries.ts';
import { AttackedWebhook, SECRET, makeDelivery, valueOf, withHeader } from './forgeries.ts';

const NAMES = ['GitLab, signing token', 'a pipeline with Standard Webhooks'];
const NOW = new Date();

/** Signed by who knows the secret, at so many seconds from what the server takes for now. */
async function signedAt(name: string, seconds: number): Promise<ForgeDelivery> {
  const { headers, body } = await makeDelivery(name);
  const others = headers.filter(([header]) => !header.startsWith('webhook-'));
  return withStandard({ headers: others, body }, SECRET, new Date(NOW.getTime() + seconds * 1000));
}

describe('deliveries by Standard Webhooks', () => {
  const webhook = new AttackedWebhook(() => NOW);

  for (const name of NAMES) {
    it(`are refused when they are too old or too new: ${name}`, async () => {
      for (const seconds of [-86_400, -330, 330, 86_400, -1.7e9]) {
        const { status, text } = await webhook.ask(await signedAt(name, seconds));
        assert.equal(status, 401, `${seconds} s`);
        assert.match(text, /webhook-timestamp.* within 5 minutes/);
      }
      webhook.assertNothing();
      for (const seconds of [-270, 0, 270]) {
        assert.equal(await webhook.send(await signedAt(name, seconds)), 202, `${seconds} s`);
      }
    });

    it(`are refused with another ID or time than what is signed: ${name}`, async () => {
      const good = await signedAt(name, 0);
      const [id, time] = [valueOf(good, 'webhook-id'), valueOf(good, 'webhook-timestamp')];
      const seconds = Number(time);
      const times = [
        ['', String(seconds + 1), String(seconds - 1), `${time}.0`, `+${time}`, `-${time}`, 'NaN'],
        [`0x${seconds.toString(16)}`, `${time}e0`, `0${time}`, `${time}000`, NOW.toISOString()],
      ].flat();
      const values: Readonly<Record<string, readonly (readonly string[])[]>> = {
        'webhook-id': [[], [''], ['msg_other'], [id, id], [`${id}.`], [`${id}.${time}`], ['a b']],
        'webhook-timestamp': [[], [time, time], ...times.map((one) => [one])],
      };
      for (const [header, wrongs] of Object.entries(values)) {
        for (const wrong of wrongs) {
          assert.equal(
            await webhook.send(withHeader(good, header, ...wrong)),
            401,
            `${header}: ${wrong.join()}`,
          );
        }
      }
      webhook.assertNothing();
    });

    it(`may have several signatures, one of which is right: ${name}`, async () => {
      const good = await signedAt(name, 0);
      const right = valueOf(good, 'webhook-signature');
      const wrong = `v1,${randomBytes(32).toString('base64')}`;
      const asymmetric = `v1a,${randomBytes(64).toString('base64')}`;
      const lists = {
        [`${wrong} ${right}`]: 202,
        [`${asymmetric} ${right} ${wrong}`]: 202,
        [`${wrong} ${wrong}`]: 401,
        [asymmetric]: 401,
        [right.replace('v1,', 'v1a,')]: 401,
        [right.replace('v1,', 'v2,')]: 401,
        [right.replace('v1,', '')]: 401,
        [right.replace('v1,', 'v1 ')]: 401,
        [right.replace('v1,', 'V1,')]: 401,
        [`${right},${right}`]: 401,
        [right.replace(' ', '')]: 202,
      };
      for (const [list, status] of Object.entries(lists)) {
        assert.equal(await webhook.send(withHeader(good, 'webhook-signature', list)), status, list);
      }
    });
  }
});
