// The bench's own client: it finds wrong answers, and counts what waited.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { askAtRate } from '../../scripts/bench/client/ask-at-rate.ts';
import { connectAtRate } from '../../scripts/bench/client/connect-at-rate.ts';
import { openConnection } from '../../scripts/bench/client/connection.ts';
import { holdConnections } from '../../scripts/bench/client/hold-connections.ts';
import { checkSample } from '../../scripts/bench/client/check-sample.ts';

const BODY = Buffer.from('signature');
const FOUND = { path: '/found', status: 200, body: BODY };
const MISSING = { path: '/missing', status: 404, body: Buffer.alloc(0) };
const SLOW = { ...FOUND, path: '/slow' };
const BROKEN = { ...FOUND, path: '/broken' };
const PAUSE = 30;

describe("the bench's client", () => {
  let server: Server;
  let baseUrl: string;
  const measured = () => ({ name: 'server', pid: process.pid, baseUrl, stop: async () => {} });
  before(async () => {
    server = createServer((request, response) => {
      if (request.url === BROKEN.path) response.destroy();
      else if (request.url === MISSING.path) response.writeHead(404, { 'Content-Length': 0 }).end();
      else void sleep(request.url === SLOW.path ? PAUSE : 0).then(() => response.end(BODY));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address);
    baseUrl = `http://127.0.0.1:${address.port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  it('gets right answers', async () => {
    const connections = await Promise.all([openConnection(baseUrl), openConnection(baseUrl)]);
    const asked = await askAtRate(connections, [FOUND, MISSING], { rate: 2000, count: 100 });
    for (const connection of connections) connection.close();
    assert.equal(asked.wrong, 0);
    assert.equal(asked.latencies.length, 100);
  });

  it('finds wrong answers and broken connections', async () => {
    const connection = await openConnection(baseUrl);
    const wrong = { ...FOUND, body: Buffer.from('another') };
    const asked = await askAtRate([connection], [FOUND, wrong], { rate: 1000, count: 10 });
    assert.equal(asked.wrong, 5);
    const broken = await askAtRate([connection], [BROKEN], { rate: 1000, count: 3 });
    assert.deepEqual(broken, { latencies: [], wrong: 3 });
    await assert.rejects(checkSample(measured(), [wrong]), /expected 200, got 200 with 9 bytes/);
  });

  it('counts the time that a request waited for a connection', async () => {
    const connection = await openConnection(baseUrl);
    const { latencies } = await askAtRate([connection], [SLOW], { rate: Infinity, count: 3 });
    connection.close();
    assert.ok(Math.max(...latencies) >= 3 * (PAUSE - 1));
  });

  it('holds connections, and asks on each', async () => {
    const options = { connections: 20, times: 2, rate: 2000 };
    const held = await holdConnections(measured(), [FOUND, MISSING], options);
    assert.equal(held.held, 20);
    assert.equal(held.wrong, 0);
    assert.equal(held.latencies.length, 40);
  });

  it('opens new connections, each for one lookup', async () => {
    const fresh = await connectAtRate(measured(), [FOUND, MISSING], { rate: 500, count: 50 });
    assert.equal(fresh.wrong, 0);
    assert.equal(fresh.latencies.length, 50);
    const refused = { ...measured(), baseUrl: 'http://127.0.0.1:1' };
    assert.equal((await connectAtRate(refused, [FOUND], { rate: 500, count: 5 })).wrong, 5);
  });
});
