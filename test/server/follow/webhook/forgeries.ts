// What somebody may do who does not know the secret, and a webhook that it is done to.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { eventually } from '../../../kit/eventually.ts';
import { type ListeningWebhook, listenWebhook } from '../../../kit/server/listening-webhook.ts';
import {
  FORGE_DELIVERIES,
  type ForgeDelivery,
  type ToldPush,
  hmacOf,
  sendDelivery,
} from '../../../kit/web/forge-deliveries.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
export const SECRET = randomBytes(32).toString('hex');
const PUSH: ToldPush = { secret: SECRET, branch: 'main', commit: COMMIT };
/** Headers that prove where a delivery is from, in the order in which they decide. */
export const PROOFS = [
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
export const withProofs = (
  { headers, body }: ForgeDelivery,
  change: (value: string, name: string) => readonly string[],
): ForgeDelivery => ({
  body,
  headers: headers.flatMap(([name, value]): Headers =>
    isProof(name) ? change(value, name).map((one) => [name, one] as const) : [[name, value]],
  ),
});
export const withHeaders = ({ headers, body }: ForgeDelivery, more: Headers): ForgeDelivery => ({
  body,
  headers: [...headers, ...more],
});
export const withHeader = (
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

export const valueOf = ({ headers }: ForgeDelivery, header: string): string =>
  headers.find(([name]) => name === header)?.[1] ?? '';

/** For a delivery as it should be, and another one that is by somebody else. */
type Forgery = (good: ForgeDelivery, others: ForgeDelivery) => ForgeDelivery;

export const FORGERIES: Readonly<Record<string, Forgery>> = {
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
export const FORGED_BODIES: Readonly<Record<string, Forgery>> = {
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

/** The delivery of a push to `main`, by who knows the secret unless told otherwise. */
export async function makeDelivery(
  name: string,
  push: Partial<ToldPush> = {},
): Promise<ForgeDelivery> {
  const [, make] = FORGE_DELIVERIES[name] ?? [];
  if (!make) throw new Error(`${name} delivers nothing`);
  return make({ ...PUSH, ...push });
}

/** A webhook for the tests of a suite. */
export class AttackedWebhook {
  /** Those that are valid now; two of them before each test. */
  secrets: readonly string[] = [];
  #webhook: ListeningWebhook | undefined;
  #accepted = 0;

  /** To be called in a suite; `now` is the clock of the webhook. */
  constructor(now = (): Date => new Date()) {
    before('listen', async () => {
      this.#webhook = await listenWebhook({ secrets: () => this.secrets, now });
    });
    after('close', async () => {
      this.#listening.close();
      // Each delivery that was accepted leads to a refresh, and nothing else does.
      await eventually(() => assert.equal(this.#listening.pushes.length, this.#accepted));
    });
    beforeEach('reset', () => {
      this.secrets = ['the one before', SECRET];
      this.forget();
    });
  }

  get #listening(): ListeningWebhook {
    if (!this.#webhook) throw new Error('the webhook does not listen yet');
    return this.#webhook;
  }

  /** Gives the status and the text of the answer. */
  async ask(delivery: ForgeDelivery): ReturnType<typeof sendDelivery> {
    const answer = await sendDelivery(this.#listening.url, delivery);
    if (answer.text.includes('refresh queued')) this.#accepted++;
    return answer;
  }

  async send(delivery: ForgeDelivery): Promise<number> {
    return (await this.ask(delivery)).status;
  }

  /** What came until now does not count. */
  forget(): void {
    this.#listening.deliveries.length = 0;
    this.#listening.log.take();
  }

  /** Nothing was accepted, and the secret is not in the log. */
  assertNothing(): void {
    const { deliveries, log } = this.#listening;
    const accepted = deliveries.filter((one) => one.endsWith(' accepted'));
    assert.deepEqual(accepted, []);
    assert.ok(!log.text().includes(SECRET), 'the secret is in the log');
  }
}
