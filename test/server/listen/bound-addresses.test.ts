import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, createServer } from 'node:net';
import { type Listener, listen } from '../../../server/listen/listener.ts';
import { freePort } from '../../kit/process/free-port.ts';
import { takesConnections } from '../../kit/process/takes-connections.ts';
import { ask, open, readToEnd } from '../../kit/web/raw-http.ts';

const start = async (host: string, port = 0): Promise<Listener> =>
  listen({
    host,
    port,
    tls: undefined,
    onError: () => undefined,
    handle: ({ socket }, response) => void response.end(socket.remoteAddress),
  });

const portOf = ({ url }: Listener): number => Number(new URL(url).port);

/** Takes a port of one address, as another program does. */
async function occupy(host: string, port: number): Promise<Server> {
  const server = createServer().listen({ host, port, ipv6Only: true });
  await once(server, 'listening');
  return server;
}

describe('the addresses of a listener', () => {
  for (const host of ['', '::']) {
    it(`are all of IPv6 and of IPv4 for '${host}'`, async () => {
      const listener = await start(host);
      const port = portOf(listener);
      assert.equal(listener.url, `http://[::]:${port}`);
      assert.match((await ask(`http://127.0.0.1:${port}`, 'GET', '/')).body, /127\.0\.0\.1$/);
      assert.equal((await ask(`http://[::1]:${port}`, 'GET', '/')).body, '::1');
      await listener.stop();
    });
  }

  for (const host of ['localhost', 'LOCALHOST']) {
    it(`are both of the loopback for '${host}', and no other`, async () => {
      const listener = await start(host);
      const port = portOf(listener);
      assert.equal(listener.url, `http://${host}:${port}`);
      assert.equal((await ask(`http://127.0.0.1:${port}`, 'GET', '/')).body, '127.0.0.1');
      assert.equal((await ask(`http://[::1]:${port}`, 'GET', '/')).body, '::1');
      await assert.rejects(open(`http://127.0.0.2:${port}`), { code: 'ECONNREFUSED' });
      await listener.stop();
      for (const address of ['127.0.0.1', '[::1]']) {
        await assert.rejects(open(`http://${address}:${port}`), { code: 'ECONNREFUSED' });
      }
    });
  }

  it('are one where one is given', async () => {
    const listener = await start('::1');
    assert.match(listener.url, /^http:\/\/\[::1\]:\d+$/);
    assert.equal(await takesConnections(portOf(listener)), false);
    await listener.stop();
  });

  it('are none of them taken where the port of one is in use', async () => {
    const port = await freePort();
    for (const [taken, other] of [
      ['::1', '127.0.0.1'],
      ['127.0.0.1', '::1'],
    ] as const) {
      const busy = await occupy(taken, port);
      await assert.rejects(start('localhost', port), { code: 'EADDRINUSE', address: taken });
      await assert.rejects(start('', port), { code: 'EADDRINUSE' });
      const free = await occupy(other, port);
      for (const server of [busy, free]) {
        server.close();
        await once(server, 'close');
      }
    }
  });

  it('are all closed only when the requests of all have ended', async () => {
    const begun: (() => void)[] = [];
    const listener = await listen({
      host: 'localhost',
      port: 0,
      tls: undefined,
      onError: () => undefined,
      handle: (_request, response) => void begun.push(() => response.end('ok')),
    });
    const port = portOf(listener);
    const sockets = await Promise.all(
      [`http://127.0.0.1:${port}`, `http://[::1]:${port}`].map(async (url) => open(url)),
    );
    const answers = sockets.map(async (socket) => readToEnd(socket));
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    while (begun.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const stopped = listener.stop();
    await assert.rejects(open(`http://[::1]:${port}`), { code: 'ECONNREFUSED' });
    for (const end of begun) end();
    for (const answer of answers) assert.match(await answer, /ok$/);
    for (const socket of sockets) socket.destroy();
    await stopped;
  });

  it('are those that a name has, if it has any', async () => {
    await assert.rejects(start('lookaside.invalid'), { syscall: 'getaddrinfo' });
    await assert.rejects(start('192.0.2.77'), { code: 'EADDRNOTAVAIL' });
  });
});
