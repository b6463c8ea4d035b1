import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { createProgramLog } from '../../../../generator/system/program-log.ts';
import { BODY_LIMITS } from '../../../../server/follow/webhook/body-room.ts';
import { WEBHOOK_FORGES } from '../../../../server/follow/webhook/proofs/webhook-forges.ts';
import { Webhook } from '../../../../server/follow/webhook/webhook.ts';
import { type Listener, listen } from '../../../../server/listen/listener.ts';
import { captureLines } from '../../../kit/server/captured-lines.ts';
import { formatChunk, formatDelivery } from '../../../kit/web/hostile-clients.ts';
import {
  type RawAnswer,
  headerOf,
  open,
  parseAnswers,
  readToEnd,
} from '../../../kit/web/raw-http.ts';

const SECRET = 'correct horse battery staple';
const KIB = 1024;
const LIMITS = {
  ...BODY_LIMITS,
  total: 512 * KIB,
  small: 32 * KIB,
  large: 256 * KIB,
  waiting: 2,
  rate: 1000 * KIB,
  interval: 50,
};
const PUSH = '{"ref": "refs/heads/main"}';

describe('the body of a delivery', () => {
  let listener: Listener;
  let sockets: Socket[] = [];
  const start = async (limits: Partial<typeof LIMITS> = {}): Promise<void> => {
    const webhook = new Webhook({
      secrets: () => ['another one', SECRET],
      branch: () => 'main',
      onPush: () => undefined,
      onDelivery: () => undefined,
      forges: WEBHOOK_FORGES,
      now: () => new Date(),
      log: createProgramLog(captureLines().stream),
      clientOf: ({ headers }) => String(headers['x-client'] ?? '-'),
      limits: { ...LIMITS, ...limits },
    });
    listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      handle: express().use('/webhook', webhook.createRouter()),
      onError: () => undefined,
    });
  };
  afterEach('stop', async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    await listener.stop();
  });

  const connect = async (): Promise<Socket> => {
    const socket = await open(listener.url);
    sockets.push(socket);
    return socket;
  };
  const deliver = async (body: string, more = ''): Promise<RawAnswer | undefined> => {
    const socket = await connect();
    const text = readToEnd(socket);
    const framing = `${more}Connection: close\r\nContent-Length: ${body.length}`;
    socket.write(formatDelivery(framing, { body, secret: SECRET }) + body);
    return parseAnswers(await text, ['POST'])[0];
  };

  it('is taken in any form, of any length that is allowed, and of many clients at once', async () => {
    await start();
    const sizes = [PUSH.length, 4095, 4096, 32 * KIB, 32 * KIB + 1, 256 * KIB];
    const answers = await Promise.all(
      sizes.flatMap((size) => [
        deliver(PUSH.padEnd(size), `X-Client: ${size}\r\n`),
        deliverChunked(PUSH.padEnd(size)),
      ]),
    );
    assert.deepEqual(
      answers.map((answer) => answer?.status),
      sizes.flatMap(() => [202, 202]),
    );
  });

  const deliverChunked = async (body: string): Promise<RawAnswer | undefined> => {
    const socket = await connect();
    const text = readToEnd(socket);
    const signature = createHmac('sha256', SECRET).update(body).digest('hex');
    socket.write(
      `POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-GitHub-Event: push\r\n` +
        `X-Hub-Signature-256: sha256=${signature}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let at = 0; at < body.length; at += 10_000) {
      socket.write(formatChunk(body.slice(at, at + 10_000)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write('0\r\n\r\n');
    return parseAnswers(await text, ['POST'])[0];
  };

  it('is refused with 503 when there is no room, so that it is sent again', async () => {
    await start({ waiting: 0 });
    const slow = await connect();
    slow.write(`${formatDelivery(`Content-Length: ${100 * KIB}`)}x`);
    await sleep(50);
    const answer = await deliver(PUSH.padEnd(100 * KIB));
    assert.equal(answer?.status, 503);
    assert.equal(headerOf(answer, 'Retry-After'), '10');
    assert.equal((await deliver(PUSH))?.status, 202);
  });

  it('comes in time, or is refused', async () => {
    await start({ time: 100 });
    const slow = await connect();
    const text = readToEnd(slow);
    slow.write(`${formatDelivery('Content-Length: 100')}x`);
    const [answer] = parseAnswers(await text, ['POST']);
    assert.equal(answer?.status, 408);
    assert.equal(headerOf(answer, 'Connection'), 'close');
  });

  it('gets its turn though others hold theirs and send a byte now and then', async () => {
    await start();
    const slow = await Promise.all([connect(), connect(), connect()]);
    for (const socket of slow) {
      socket.write(formatDelivery(`X-Client: slow\r\nContent-Length: ${200 * KIB}`));
    }
    const timer = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write('x');
    }, 10);
    await sleep(50);
    const since = Date.now();
    const answer = await deliver(PUSH.padEnd(200 * KIB), 'X-Client: honest\r\n');
    clearInterval(timer);
    assert.equal(answer?.status, 202);
    assert.ok(Date.now() - since < 2000);
  });

  it('takes turns, but no memory, where only its signature counts', async () => {
    await start({ total: 300 * KIB, small: KIB });
    const slow = await connect();
    const refused = readToEnd(slow);
    slow.write(`${formatDelivery(`Content-Length: ${100 * KIB}`)}x`);
    await sleep(50);
    const socket = await connect();
    const body = 'x'.repeat(200 * KIB);
    const text = readToEnd(socket);
    const framing = `Connection: close\r\nContent-Length: ${body.length}`;
    socket.write(formatDelivery(framing, { body, secret: SECRET, event: 'issues' }) + body);
    // The slow one has had to make way.
    assert.equal(parseAnswers(await refused, ['POST'])[0]?.status, 408);
    assert.equal(parseAnswers(await text, ['POST'])[0]?.status, 202);
  });

  it('gives its room back when the client goes away', async () => {
    await start({ waiting: 0 });
    for (let times = 0; times < 5; times++) {
      const socket = await connect();
      socket.write(`${formatDelivery(`Content-Length: ${200 * KIB}`)}${'x'.repeat(50 * KIB)}`);
      await sleep(20);
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
      await sleep(20);
    }
    assert.equal((await deliver(PUSH.padEnd(200 * KIB)))?.status, 202);
  });
});
