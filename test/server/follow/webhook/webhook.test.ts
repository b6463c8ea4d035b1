import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import express, { type RequestHandler } from 'express';
import supertest, { type Response } from 'supertest';
import { createProgramLog } from '../../../../generator/system/program-log.ts';
import { WEBHOOK_FORGES } from '../../../../server/follow/webhook/proofs/webhook-forges.ts';
import { Webhook } from '../../../../server/follow/webhook/webhook.ts';
import { eventually } from '../../../kit/eventually.ts';
import { captureLines } from '../../../kit/server/captured-lines.ts';
import { open, parseAnswers, readToEnd } from '../../../kit/web/raw-http.ts';

const SECRET = 'correct horse battery staple';
const OLD_SECRET = 'the one before';
const COMMIT = 'c0ffee'.padEnd(40, '0');

const sign = (body: string | Buffer, secret = SECRET): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
const pushTo = (ref: string, after = COMMIT): string => JSON.stringify({ ref, after });

const hangUp: RequestHandler = (request, _response, next) => {
  request.once('end', () => request.socket.destroy());
  next();
};

describe('the webhook', () => {
  const log = captureLines();
  const pushes: (string | undefined)[] = [];
  let secrets: readonly string[] = [];
  let branch: string | undefined;
  let server: Server;

  before('listen', async () => {
    const webhook = new Webhook({
      secrets: () => secrets,
      branch: () => branch,
      onPush: (commit) => void pushes.push(commit),
      onDelivery: () => undefined,
      forges: WEBHOOK_FORGES,
      now: () => new Date(),
      log: createProgramLog(log.stream),
      clientOf: () => '-',
    });
    server = createServer(express().use('/webhook', webhook.createRouter()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after('close', () => server.close());
  beforeEach('reset', () => {
    secrets = [SECRET, OLD_SECRET];
    branch = 'main';
    pushes.length = 0;
  });
  afterEach('no secret and no signature in the log', () => {
    assert.doesNotMatch(log.text(), /correct horse|the one before|sha256=[0-9a-f]{10}/);
  });

  const deliver = (body: string, headers: Readonly<Record<string, string>> = {}) => {
    const all = {
      'Content-Type': 'application/json',
      'X-GitHub-Event': 'push',
      'X-Hub-Signature-256': sign(body),
      ...headers,
    };
    return supertest(server).post('/webhook').set(all).send(body);
  };
  const url = (): string => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    return `http://127.0.0.1:${address.port}`;
  };

  it('queues a refresh for a push to the branch, once', async () => {
    const response = await deliver(pushTo('refs/heads/main'));
    assert.equal(response.status, 202);
    assert.deepEqual(response.body, { message: 'refresh queued' });
    assert.equal(response.get('Cache-Control'), 'no-store');
    await eventually(() => assert.deepEqual(pushes, [COMMIT]));
  });

  /** Mounts a webhook behind another handler, and delivers a push. */
  const deliverBehind = async (first: RequestHandler, onPush: () => void): Promise<Response> => {
    const webhook = new Webhook({
      secrets: () => secrets,
      branch: () => branch,
      onPush,
      onDelivery: () => undefined,
      forges: WEBHOOK_FORGES,
      now: () => new Date(),
      log: createProgramLog(log.stream),
      clientOf: () => '-',
    });
    const body = pushTo('refs/heads/main');
    return supertest(express().use(first, webhook.createRouter()))
      .post('/')
      .type('json')
      .set({ 'X-GitHub-Event': 'push', 'X-Hub-Signature-256': sign(body) })
      .send(body);
  };

  it('answers before it refreshes', async () => {
    const order: string[] = [];
    const watch: RequestHandler = (_request, response, next) => {
      response.once('finish', () => order.push('answered'));
      next();
    };
    assert.equal((await deliverBehind(watch, () => order.push('refreshed'))).status, 202);
    await eventually(() => assert.deepEqual(order, ['answered', 'refreshed']));
  });

  it('does not lose the push of a client that goes away', async () => {
    let count = 0;
    await assert.rejects(deliverBehind(hangUp, () => count++));
    await eventually(() => assert.equal(count, 1));
  });

  const nothingToDo: Record<string, readonly [body: string, event: string, status: number]> = {
    'another branch': [pushTo('refs/heads/mainline'), 'push', 202],
    'a branch below the branch': [pushTo('refs/heads/x/main'), 'push', 202],
    'a tag of that name': [pushTo('refs/tags/main'), 'push', 202],
    'a ref without a head': [pushTo('main'), 'push', 202],
    'another event': ['{}', 'issues', 202],
    'another event that is no JSON': ['nonsense', 'Push', 202],
    'a ping': ['{"zen": "…"}', 'ping', 200],
    'a ping that is no JSON': ['nonsense', 'ping', 200],
    'no JSON': ['{"ref": "refs/heads/main"', 'push', 400],
    nothing: ['', 'push', 400],
    'JSON of another kind': ['[]', 'push', 400],
    null: ['null', 'push', 400],
    'a ref that is no string': ['{"ref": ["refs/heads/main"]}', 'push', 400],
  };
  for (const [name, [body, event, status]] of Object.entries(nothingToDo)) {
    it(`answers ${status}, and does nothing: ${name}`, async () => {
      const response = await deliver(body, { 'X-GitHub-Event': event });
      assert.equal(response.status, status, response.text);
      const { body: answer }: { body: unknown } = response;
      assert.ok(typeof answer === 'object' && answer !== null && 'message' in answer);
      const wrong = { 'X-GitHub-Event': event, 'X-Hub-Signature-256': sign(`${body} `) };
      assert.equal((await deliver(body, wrong)).status, 401);
      assert.deepEqual(pushes, []);
    });
  }

  it('waits for no commit when the branch was deleted or none is named', async () => {
    await deliver(pushTo('refs/heads/main', '0'.repeat(40)));
    await deliver('{"ref": "refs/heads/main"}');
    await eventually(() => assert.equal(pushes.length, 2));
    assert.ok(
      pushes.every((commit) => !commit),
      JSON.stringify(pushes),
    );
  });

  it('takes any branch while it knows of none', async () => {
    branch = undefined;
    assert.equal((await deliver(pushTo('refs/heads/other'))).status, 202);
    await eventually(() => assert.deepEqual(pushes, [COMMIT]));
  });

  it('takes the JSON in a form', async () => {
    const body = `payload=${encodeURIComponent(pushTo('refs/heads/main'))}`;
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    assert.equal((await deliver(body, form)).status, 202);
    await eventually(() => assert.deepEqual(pushes, [COMMIT]));
    assert.equal((await deliver('payload=', form)).status, 400);
    assert.equal((await deliver('other=1', form)).status, 400);
  });

  it('takes every secret that is valid now, and no other', async () => {
    const body = pushTo('refs/heads/main');
    const by = async (secret: string): Promise<number> =>
      (await deliver(body, { 'X-Hub-Signature-256': sign(body, secret) })).status;
    assert.deepEqual([await by(SECRET), await by(OLD_SECRET), await by('x')], [202, 202, 401]);
    secrets = [SECRET];
    assert.deepEqual([await by(SECRET), await by(OLD_SECRET), await by('')], [202, 401, 401]);
  });

  const body = pushTo('refs/heads/main');
  const [, hex = ''] = sign(body).split('=');
  const wrongHeaders = {
    empty: '',
    'no algorithm': hex,
    'SHA-1': `sha1=${createHmac('sha1', SECRET).update(body).digest('hex')}`,
    'a digit too few': `sha256=${hex.slice(1)}`,
    'a digit too many': `sha256=${hex}0`,
    'two digits too many': `sha256=${hex}00`,
    'no digits': 'sha256=',
    'other characters': `sha256=${'z'.repeat(64)}`,
    zeros: `sha256=${'0'.repeat(64)}`,
    base64: `sha256=${Buffer.from(hex, 'hex').toString('base64')}`,
    'another separator': `sha256:${hex}`,
    'a list': `sha256=${hex},sha256=${hex}`,
    'of another body': sign(`${body}\n`),
    'without a secret': sign(body, ''),
  };
  for (const [name, header] of Object.entries(wrongHeaders)) {
    it(`refuses the signature: ${name}`, async () => {
      const response = await deliver(body, { 'X-Hub-Signature-256': header });
      assert.equal(response.status, 401);
      assert.deepEqual(pushes, []);
    });
  }

  it('refuses a missing signature, the old header and two signatures', async () => {
    const post = (header: string, value: string) =>
      supertest(server)
        .post('/webhook')
        .set({ 'X-GitHub-Event': 'push', [header]: value })
        .send(body);
    assert.equal((await post('X-Other', 'x')).status, 401);
    const sha1 = `sha1=${createHmac('sha1', SECRET).update(body).digest('hex')}`;
    assert.equal((await post('X-Hub-Signature', sha1)).status, 401);
    const socket = await open(url());
    const header = `X-Hub-Signature-256: ${sign(body)}\r\n`;
    const answer = readToEnd(socket);
    socket.write(
      `POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}${header}` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    assert.equal(parseAnswers(await answer, ['POST'])[0]?.status, 401);
    socket.destroy();
  });

  it('is not there without a secret', async () => {
    secrets = [];
    for (const method of ['post', 'get', 'put'] as const) {
      const response = await supertest(server)[method]('/webhook');
      assert.deepEqual([response.status, response.text], [404, '']);
    }
    assert.equal((await deliver(body)).status, 404);
  });

  it('allows POST only', async () => {
    for (const method of ['get', 'head', 'put', 'delete'] as const) {
      const response = await supertest(server)[method]('/webhook');
      assert.deepEqual([response.status, response.get('Allow')], [405, 'POST, OPTIONS']);
    }
  });

  it('refuses a compressed body, which would not be what was signed', async () => {
    const packed = gzipSync(body);
    for (const signature of [sign(body), sign(packed)]) {
      const headers = { 'X-GitHub-Event': 'push', 'X-Hub-Signature-256': signature };
      const response = await fetch(`${url()}/webhook`, {
        method: 'POST',
        headers: { ...headers, 'Content-Encoding': 'gzip' },
        body: packed,
      });
      assert.equal(response.status, 400);
    }
    assert.deepEqual(pushes, []);
  });

  it('writes what strangers send into one line of the log', async () => {
    log.take();
    const delivery = 'x"\\ {"level":"error"}';
    const event = 'e"\tv","level":"error';
    await deliver(body, { 'X-GitHub-Delivery': delivery, 'X-GitHub-Event': event });
    const [line = '', ...more] = log.take();
    assert.deepEqual(more, []);
    const entry: unknown = JSON.parse(line);
    assert.ok(typeof entry === 'object' && entry !== null && 'delivery' in entry);
    assert.equal(entry.delivery, delivery);
  });

  it('tells in the log what a peer has passed on', async () => {
    log.take();
    await deliver(body);
    await deliver(body, { 'X-Lookaside-Relayed': '1' });
    const told = log.take().map((line) => line.includes('"relayed":true'));
    assert.deepEqual(told, [false, true]);
  });

  it('repeats nothing that a terminal obeys', async () => {
    const ref = 'refs/heads/\u009b31m\u202e';
    const { text } = await deliver(pushTo(ref));
    assert.doesNotMatch(text, /[\u009b\u202e]/);
    const { message } = JSON.parse(text) as { message: string };
    assert.ok(message.includes(JSON.stringify(ref)), message);
  });
});
