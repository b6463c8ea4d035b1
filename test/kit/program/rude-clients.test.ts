import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { eventually } from '../eventually.ts';
import {
  dripForgedBodies,
  pipeline,
  pipelineExpectations,
  sendForgedBodies,
} from './rude-clients.ts';

describe('the kit: rude clients', () => {
  let server: Server;
  let baseUrl: string;
  let [requests, received] = [0, 0];
  beforeEach(async () => {
    [requests, received] = [0, 0];
    server = createServer((request, response) => {
      requests++;
      request.on('data', (part: Buffer) => (received += part.length));
      request.on('error', () => undefined);
      request.once('end', () => response.end('an answer'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    baseUrl = `http://127.0.0.1:${address.port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('pipeline requests', async () => {
    const clients = pipeline(baseUrl, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 100_000);
    await clients.done;
    await eventually(() => assert.ok(requests > 2_000, 'not yet'));
    await eventually(() => assert.deepEqual(clients.statuses(), ['HTTP/1.1 200 OK']));
    await clients.stop();
  });

  it('send large bodies, many at once', async () => {
    const clients = sendForgedBodies(baseUrl, { connections: 5, bytes: 300_000 });
    await clients.done;
    await eventually(() => assert.equal(received, 5 * 300_000));
    await eventually(() => assert.equal(clients.statuses().length, 5));
    await clients.stop();
  });

  it('send slow bodies without end', async () => {
    const clients = dripForgedBodies(baseUrl, { connections: 3, every: 5 });
    await eventually(() => assert.ok(received > 20, 'not yet'));
    assert.deepEqual(clients.statuses(), []);
    await clients.stop();
  });

  it('tell interim answers from others', async () => {
    const answers = await pipelineExpectations(baseUrl, 'x', 2);
    const texts = answers.map((answer) => (Buffer.isBuffer(answer) ? answer.toString() : answer));
    const answer = 'an answer';
    assert.deepEqual(texts, [answer, 100, answer, answer, 100, answer, answer]);
  });
});
