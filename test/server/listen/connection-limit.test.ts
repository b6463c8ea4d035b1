import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fitConnections, readOpenFileLimit } from '../../../server/listen/connection-limit.ts';
import { type Listener, listen } from '../../../server/listen/listener.ts';
import { eventually } from '../../kit/eventually.ts';
import { at } from '../../kit/server/fake-judge.ts';
import { open } from '../../kit/web/raw-http.ts';
import { startListener } from '../../kit/server/signature-listener.ts';

/** Milliseconds; a connection is looked at often. */
const LIMITS = {
  headersTimeout: 60_000,
  keepAliveTimeout: 60_000,
  requestTimeout: 60_000,
  socketTimeout: 60_000,
  connectionsCheckingInterval: 20,
};
const MAX = 20;

async function ask(socket: Socket, more = ''): Promise<string> {
  socket.write(`GET /${at(1)} HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
  const [chunk]: unknown[] = await once(socket, 'data');
  return String(chunk);
}

function countOpen(sockets: readonly Socket[]): number {
  return sockets.filter((socket) => !socket.readableEnded && !socket.destroyed).length;
}

describe('the limit on connections', () => {
  let listener: Listener;
  let sockets: Socket[] = [];
  const connect = async (): Promise<Socket> => {
    const socket = await open(listener.url);
    sockets.push(socket.resume());
    return socket;
  };
  afterEach('stop', async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    await listener.stop();
  });

  for (const isQuick of [true, false]) {
    const way = isQuick ? 'answered quickly' : 'that node:http has';

    it(`closes those that never asked first, then those idle longest: ${way}`, async () => {
      listener = await startListener({ isQuick, limits: LIMITS, maxConnections: MAX });
      const early = await connect();
      await ask(early);
      await sleep(100);
      const others = await Promise.all(Array.from({ length: MAX - 2 }, connect));
      for (const socket of others.slice(1)) await ask(socket);
      await sleep(100);
      assert.match(await ask(await connect()), /^HTTP\/1\.1 200 /);
      assert.equal(countOpen(sockets), MAX);
      assert.match(await ask(await connect()), /^HTTP\/1\.1 200 /);
      await eventually(() => assert.equal(countOpen(sockets), MAX));
      // It had never asked.
      assert.equal(countOpen(others.slice(0, 1)), 0);
      assert.equal(countOpen([early]), 1);
      assert.match(await ask(await connect()), /^HTTP\/1\.1 200 /);
      await eventually(() => assert.equal(countOpen([early]), 0));
      assert.equal(countOpen(others), MAX - 3);
    });
  }

  it('lets lookups through while somebody opens connections without end', async () => {
    listener = await startListener({ isQuick: true, limits: LIMITS, maxConnections: MAX });
    const until = Date.now() + 500;
    const flood = async (): Promise<void> => {
      while (Date.now() < until) await connect();
    };
    const flooding = [flood(), flood(), flood()];
    let answered = 0;
    while (Date.now() < until) {
      assert.match(await ask(await connect()), /^HTTP\/1\.1 200 /);
      answered++;
    }
    await Promise.all(flooding);
    assert.ok(answered > 2, String(answered));
  });

  it('closes none that is being answered; the new one has to go', async () => {
    const waiting: (() => void)[] = [];
    listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      limits: { ...LIMITS, connectionsCheckingInterval: 60_000 },
      maxConnections: MAX,
      onError: () => undefined,
      handle: (_request, response) => void waiting.push(() => response.end('ok')),
    });
    const busy = await Promise.all(Array.from({ length: MAX }, connect));
    const answers = busy.map(async (socket) => ask(socket));
    await eventually(() => assert.equal(waiting.length, MAX));
    const late = await connect();
    await eventually(() => assert.equal(countOpen([late]), 0));
    for (const answer of waiting) answer();
    for (const answer of await Promise.all(answers)) assert.match(answer, /ok$/);
  });

  it('lets lookups through while all send bodies that never end', async () => {
    let sending = 0;
    listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      limits: { ...LIMITS, connectionsCheckingInterval: 60_000 },
      maxConnections: MAX,
      onError: () => undefined,
      handle: (request, response) => {
        if (request.headers['content-length'] === undefined) {
          response.end('ok');
          return;
        }
        sending++;
        request.resume().on('end', () => response.end('ok'));
      },
    });
    const senders = await Promise.all(Array.from({ length: MAX }, connect));
    for (const sender of senders) {
      sender.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx');
    }
    await eventually(() => assert.equal(sending, MAX));
    const late = await connect();
    assert.match(await ask(late), /ok$/);
    for (let round = 0; round < MAX; round++) assert.match(await ask(await connect()), /ok$/);
    await eventually(() => assert.equal(countOpen(senders), MAX - 1));
  });

  it('is no higher than the system allows', async () => {
    listener = await startListener({ isQuick: true });
    assert.deepEqual(
      [undefined, 100_000, 1024, 100].map((files) => fitConnections(10_000, files)),
      [10_000, 10_000, 896, 16],
    );
    assert.ok(((await readOpenFileLimit()) ?? 0) > 0);
  });
});
