// Nothing that was not sent by somebody who knows a secret leads to a refresh: each delivery, with each
// thing changed that somebody without the secret may change.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { sign as octokitSign, verify } from '@octokit/webhooks-methods';
import fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { eventually } from '../../../kit/eventually.ts';
import { type ListeningWebhook, listenWebhook } from '../../../kit/server/listening-webhook.ts';
import {
  FORGE_DELIVERIES,
  type ForgeDelivery,
  type ToldPush,
  hmacOf,
  sendDelivery,
  withStandard,
} from '../../../kit/web/forge-deliveries.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const SECRET = randomBytes(32).toString('hex');
const PUSH: ToldPush = { secret: SECRET, branch: 'main', commit: COMMIT };
/** Headers that prove where a delivery is from, in the order in which they decide. */
const PROOFS = [
  'webhook-signature',
  'X-Forgejo-Signature',
  'X-Gitea-Signature',
  'X-Gogs-Signature',
  'X-Hub-Signature-256',
  'X-Hub-Signature',
  'X-Signature',
  'X-Gitlab-Token',
  'Authorization',
] as const;

type Headers = ForgeDelivery['headers'];
const isProof = (name: string): boolean => PROOFS.some((proof) => proof === name);
const withProofs = (
  { headers, body }: ForgeDelivery,
  change: (value: string, name: string) => readonly string[],
): ForgeDelivery => ({
  body,
  headers: headers.flatMap(([name, value]): Headers =>
    isProof(name) ? change(value, name).map((one) => [name, one] as const) : [[name, value]],
  ),
});
const withHeaders = ({ headers, body }: ForgeDelivery, more: Headers): ForgeDelivery => ({
  body,
  headers: [...headers, ...more],
});
const withHeader = (
  { headers, body }: ForgeDelivery,
  header: string,
  ...values: readonly string[]
): ForgeDelivery => ({
  body,
  headers: [
    ...headers.filter(([name]) => name !== header),
    ...values.map((value) => [header, value] as const),
  ],
});

/** For a delivery as it should be, and another one that is by somebody else. */
type Forgery = (good: ForgeDelivery, others: ForgeDelivery) => ForgeDelivery;

const FORGERIES: Readonly<Record<string, Forgery>> = {
  'by another secret': (_good, others) => others,
  'without a proof': (good) => withProofs(good, () => []),
  'with an empty proof': (good) => withProofs(good, () => ['']),
  'with the proof of another secret': (good, others) => {
    const proofs = new Map(others.headers);
    return withProofs(good, (_value, name) => [proofs.get(name) ?? '']);
  },
  'with the proof twice': (good) => withProofs(good, (value) => [value, value]),
  'with a wrong proof behind the right one': (good) => withProofs(good, (value) => [value, 'x']),
  'with a wrong proof before the right one': (good) => withProofs(good, (value) => ['x', value]),
  'with the proof in a list': (good) => withProofs(good, (value) => [`${value},${value}`]),
  'with a character less': (good) => withProofs(good, (value) => [value.slice(0, -1)]),
  'without the first character': (good) => withProofs(good, (value) => [value.slice(1)]),
  'with a character more': (good) => withProofs(good, (value) => [`${value}0`]),
  'with half of the proof': (good) =>
    withProofs(good, (value) => [value.slice(0, value.length / 2)]),
  'with another character at its end': (good) =>
    withProofs(good, (value) => [value.replace(/.$/, (last) => (last === '0' ? '1' : '0'))]),
  'with zeros': (good) =>
    withProofs(good, (value) => [
      value.replace(/[0-9A-Za-z+/]{20,}/, (digits) => '0'.repeat(digits.length)),
    ]),
  'with the words of a programming language': (good) =>
    withProofs(good, (value) => [value.replace(/[^=, ]+=*$/, 'undefined')]),
  'with SHA-1': (good) => withProofs(good, () => [`sha1=${hmacOf(SECRET, good.body, 'sha1')}`]),
  'with SHA-512': (good) =>
    withProofs(good, () => [`sha512=${hmacOf(SECRET, good.body, 'sha512')}`]),
  'with SHA-512, cut, as SHA-256': (good) =>
    withProofs(good, () => [`sha256=${hmacOf(SECRET, good.body, 'sha512').slice(0, 64)}`]),
  'with an HMAC by nothing': (good) => withProofs(good, () => [`sha256=${hmacOf('', good.body)}`]),
  'with the hash of the body': (good) => withProofs(good, () => [hmacOf('', good.body)]),
  'with null as secret': (good) => withProofs(good, () => [`sha256=${hmacOf('null', good.body)}`]),
};

/** For those with a signature, which is over the body. */
const FORGED_BODIES: Readonly<Record<string, Forgery>> = {
  'with a byte changed': ({ headers, body }) => {
    const changed = Buffer.from(body);
    changed[body.length - 2] = (changed[body.length - 2] ?? 0) ^ 1;
    return { headers, body: changed };
  },
  'with a byte more': ({ headers, body }) => ({
    headers,
    body: Buffer.concat([body, body.subarray(0, 1)]),
  }),
  'with a line end more': ({ headers, body }) => ({
    headers,
    body: Buffer.concat([body, Buffer.from('\n')]),
  }),
  'with a byte less': ({ headers, body }) => ({ headers, body: body.subarray(1) }),
  'with another body': ({ headers }, { body }) => ({ headers, body: Buffer.concat([body, body]) }),
  'with no body': ({ headers }) => ({ headers, body: Buffer.alloc(0) }),
};

describe('forged deliveries', () => {
  let webhook: ListeningWebhook;
  let secrets: readonly string[] = [];
  let accepted = 0;
  before('listen', async () => {
    webhook = await listenWebhook({ secrets: () => secrets });
  });
  after('close', async () => {
    webhook.close();
    // Each delivery that was accepted leads to a refresh, and nothing else does.
    await eventually(() => assert.equal(webhook.pushes.length, accepted));
  });
  beforeEach('reset', () => {
    secrets = ['the one before', SECRET];
    webhook.deliveries.length = 0;
    webhook.log.take();
  });
  const make = async (name: string, push: Partial<ToldPush> = {}): Promise<ForgeDelivery> => {
    const [, makeDelivery] = FORGE_DELIVERIES[name] ?? [];
    if (!makeDelivery) throw new Error(`${name} delivers nothing`);
    return makeDelivery({ ...PUSH, ...push });
  };
  const send = async (delivery: ForgeDelivery): Promise<number> => {
    const { status, text } = await sendDelivery(webhook.url, delivery);
    if (text.includes('refresh queued')) accepted++;
    return status;
  };
  /** Nothing was accepted since the test began, and no secret is in the log. */
  const assertNothing = (): void => {
    assert.deepEqual(
      webhook.deliveries.filter((one) => one.endsWith(' accepted')),
      [],
    );
    assert.ok(!webhook.log.text().includes(SECRET), 'the secret is in the log');
  };

  for (const name of Object.keys(FORGE_DELIVERIES)) {
    const isSigned = !['GitLab, token', 'GitLab, token, system hook', 'Azure DevOps'].includes(
      name,
    );
    it(`are refused, however they are forged: ${name}`, async () => {
      const good = await make(name);
      const others = await make(name, { secret: 'of somebody else' });
      const all = { ...FORGERIES, ...(isSigned ? FORGED_BODIES : {}) };
      for (const [how, forge] of Object.entries(all)) {
        assert.equal(await send(forge(good, others)), 401, how);
      }
      assertNothing();
      assert.equal(await send(good), 202);
    });

    it(`are refused if the proof that decides is wrong, and by no weaker one: ${name}`, async () => {
      const good = await make(name);
      const first = PROOFS.findIndex((proof) => good.headers.some(([header]) => header === proof));
      assert.ok(first >= 0, name);
      for (const [at, proof] of PROOFS.entries()) {
        if (good.headers.some(([header]) => header === proof)) continue;
        for (const wrong of ['', `sha256=${'0'.repeat(64)}`, '0'.repeat(64)]) {
          const status = await send(withHeaders(good, [[proof, wrong]]));
          assert.equal(status, at < first ? 401 : 202, `${proof}: ${wrong}`);
        }
      }
    });

    it(`are refused unread if they are compressed: ${name}`, async () => {
      const delivery = withHeaders(await make(name), [['Content-Encoding', 'gzip']]);
      assert.equal(await send(delivery), 400);
      assertNothing();
    });
  }

  it('are refused without any secret, also by secrets that look like none', async () => {
    for (const secret of ['whsec_', 'whsec_!', 'undefined', 'null', '0']) {
      secrets = [secret];
      for (const name of Object.keys(FORGE_DELIVERIES)) {
        for (const wrong of ['', ' ', 'x']) {
          const { headers, body } = await make(name, { secret: 'x' });
          const proven = withProofs({ headers, body }, (_value, proof) =>
            proof === 'X-Gitlab-Token'
              ? [wrong]
              : [`sha256=${hmacOf(wrong, body)}`, hmacOf(wrong, body)].slice(0, 1),
          );
          assert.equal(await send(proven), 401, `${name} ${secret}`);
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
      assert.equal(await send(empty), 401, secret);
    }
    secrets = [];
    for (const name of Object.keys(FORGE_DELIVERIES))
      assert.equal(await send(await make(name)), 404);
    assertNothing();
  });

  describe('by Standard Webhooks', () => {
    const NAMES = ['GitLab, signing token', 'a pipeline with Standard Webhooks'];
    const valueOf = ({ headers }: ForgeDelivery, header: string): string =>
      headers.find(([name]) => name === header)?.[1] ?? '';
    /** Signed anew by who knows the secret, at so many seconds from now. */
    const signedAt = async (name: string, seconds: number): Promise<ForgeDelivery> => {
      const { headers, body } = await make(name);
      const others = headers.filter(([header]) => !header.startsWith('webhook-'));
      return withStandard({ headers: others, body }, SECRET, new Date(Date.now() + seconds * 1000));
    };

    for (const name of NAMES) {
      it(`are refused when they are too old or too new: ${name}`, async () => {
        for (const seconds of [-86_400, -330, 330, 86_400, -1.7e9]) {
          const { status, text } = await sendDelivery(webhook.url, await signedAt(name, seconds));
          assert.equal(status, 401, `${seconds} s`);
          assert.match(text, /webhook-timestamp.* within 5 minutes/);
        }
        assertNothing();
        for (const seconds of [-270, 0, 270]) {
          assert.equal(await send(await signedAt(name, seconds)), 202, `${seconds} s`);
        }
      });

      it(`are refused with another ID or time than what is signed: ${name}`, async () => {
        const good = await make(name);
        const [id, time] = [valueOf(good, 'webhook-id'), valueOf(good, 'webhook-timestamp')];
        const seconds = Number(time);
        const values: Record<string, readonly (readonly string[])[]> = {
          'webhook-id': [[], [''], ['msg_other'], [id, id], [`${id}.`], [`${id}.${time}`], ['a b']],
          'webhook-timestamp': [
            ...[[], [''], [String(seconds + 1)], [String(seconds - 1)], [time, time]],
            ...[[`${time}.0`], [`+${time}`], [`0x${seconds.toString(16)}`], ['NaN'], ['Infinity']],
            ...[
              [`-${time}`],
              [`${time}e0`],
              [`0${time}`],
              [`${time}000`],
              [new Date().toISOString()],
            ],
          ],
        };
        for (const [header, wrongs] of Object.entries(values)) {
          for (const wrong of wrongs) {
            assert.equal(
              await send(withHeader(good, header, ...wrong)),
              401,
              `${header}: ${wrong.join()}`,
            );
          }
        }
        assertNothing();
      });

      it(`may have several signatures, one of which is right: ${name}`, async () => {
        const good = await make(name);
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
          assert.equal(await send(withHeader(good, 'webhook-signature', list)), status, list);
        }
      });
    }
  });

  it('are refused as forms that can be read in two ways', async () => {
    const other = encodeURIComponent(JSON.stringify({ ref: 'refs/heads/main' }));
    for (const name of ['Gitea, as a form', 'Forgejo, as a form', 'Gogs, as a form']) {
      const { headers, body } = await make(name);
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
        assert.equal(await send({ headers, body: Buffer.from(one) }), 401, one);
      const asJson = headers.map(([header, value]) =>
        header === 'Content-Type'
          ? ([header, 'application/json'] as const)
          : ([header, value] as const),
      );
      assert.equal(await send({ headers: asJson, body }), 401, name);
      assertNothing();
      // The same fields in another spelling are the same form.
      for (const one of [`${form}&other=1`, `a=b&${form}`, form.replace('payload', 'p%61yload')]) {
        assert.equal(await send({ headers, body: Buffer.from(one) }), 202, one);
      }
      webhook.deliveries.length = 0;
    }
    const body = Buffer.from(`payload=${other}&payload=${other}`);
    const signature = `sha256=${hmacOf(SECRET, body)}`;
    const { headers } = await make('GitHub, as a form');
    const twice = withHeader({ headers, body }, 'X-Hub-Signature-256', signature);
    assert.equal(await send(twice), 400, 'signed, but two');
    assertNothing();
  });

  it('are refused if they show another secret, or a part of it', async () => {
    const token = await make('GitLab, token');
    const login = await make('Azure DevOps');
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
      assert.equal(await send(withHeader(token, 'X-Gitlab-Token', one)), 401, one);
      const header = `Basic ${Buffer.from(`lookaside:${one}`).toString('base64')}`;
      assert.equal(await send(withHeader(login, 'Authorization', header)), 401, one);
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
      assert.equal(await send(withHeader(login, 'Authorization', one)), 401, one);
    assertNothing();
    for (const user of ['', 'x', SECRET]) {
      const header = `basic ${btoa(`${user}:${SECRET}`)}`;
      assert.equal(await send(withHeader(login, 'Authorization', header)), 202, user);
    }
  });

  it('are told from good ones as the libraries of the field tell them', async () => {
    const signs = fc.constantFrom('as it is', 'by another', 'of another body', 'cut', 'prefixed');
    const property = fc.asyncProperty(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }),
      signs,
      async (body, secret, sign) => {
        secrets = ['the one before', secret];
        const key = sign === 'by another' ? `${secret}x` : secret;
        const signed = sign === 'of another body' ? `${body}.` : body;
        const header = await octokitSign(key, signed || ' ');
        const value = { cut: header.slice(0, -2), prefixed: `x${header}` }[sign as 'cut'] ?? header;
        const good = body !== '' && (await verify(secret, body, value));
        const status = await send({
          body: Buffer.from(body),
          headers: [['X-Hub-Signature-256', value]],
        });
        assert.equal(status === 401, !good);

        const id = 'msg_x';
        const at = new Date();
        const raw = (one: string): StandardWebhook =>
          new StandardWebhook(Buffer.from(one), { format: 'raw' });
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
        const given = await send({ body: Buffer.from(body), headers: Object.entries(headers) });
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
        const { headers, body } = await make(name);
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
          assert.equal(await send({ headers, body: turned }), 401);
        } else {
          const delivery = withProofs({ headers, body }, (value) => [turn(value)]);
          assert.equal(await send(delivery), 401, JSON.stringify(delivery.headers));
        }
      },
    );
    await fc.assert(property, { numRuns: 200 });
    assertNothing();
  });
});
