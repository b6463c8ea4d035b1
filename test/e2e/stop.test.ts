import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import type { Readable } from 'node:stream';
import { connect, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describeWith } from '../with-tools.ts';
import { startBackground } from '../kit/process/background.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { makePublisher, type Publisher } from '../kit/signer/publisher.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';

/** Within which SIGTERM must have ended the server, in milliseconds. */

describeWith(['gpg', 'git'], 'stop', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());

  const serve = () => servers.start(directory(), publisher.serveArgs(directory()));

  it('answers the request that is in flight', async () => {
    const server = await serve();
    const socket = await beginRequest(portOf(server));
    await lookUp(server, '');
    const stopped = server.stop('SIGTERM');
    await server.waitForLine(/"msg":"stopping"/);
    await assert.rejects(lookUp(server, ''));
    socket.write('234');
    assert.match(await text(socket), /^HTTP\/1\.1 401 /);
    assert.equal(await stopped, 0);
  });

  it('does not wait for connections that never end', async () => {
    const server = await serve();
    const silent = connect(portOf(server), '127.0.0.1');
    await once(silent, 'connect');
    const sockets = [await beginRequest(portOf(server)), silent];
    for (const socket of sockets) socket.on('error', () => undefined);
    // By its answer the server has read what the others sent before.
    await lookUp(server, '');
    assert.equal(await server.stop('SIGTERM'), 0);
    for (const socket of sockets) socket.destroy();
  });

  it('ends idle connections at once', async () => {
    const server = await serve();
    const agent = new Agent({ keepAlive: true });
    const [response] = (await once(get(`${server.baseUrl}/`, { agent }), 'response')) as [Readable];
    await text(response);
    // Well before connections that are in use are cut off.
    assert.equal(await server.stop('SIGTERM', 5_000), 0);
    agent.destroy();
  });

  it('does not wait for a git host that hangs', async () => {
    const { url, connected, close } = await startHangingHost();
    const server = await servers.startListening(url, publisher.serveArgs(directory()));
    await connected;
    try {
      assert.equal(await server.stop('SIGTERM'), 0);
    } finally {
      close();
    }
  });

  it('goes on for --drain, and says meanwhile that it is not ready', async () => {
    const server = await servers.startHere(directory(), [
      ...publisher.serveArgs(directory()),
      '--drain=5s',
    ]);
    const before = Date.now();
    const stopped = server.stop();
    assert.equal((await fetch(`${server.statusUrl}/readyz`)).status, 503);
    assert.equal((await lookUp(server, 'readyz')).status, 503);
    assert.equal((await lookUp(server, 'team/app')).status, 404);
    await server.waitForLine(/"signal":"SIGTERM","drainMs":5000,"msg":"draining"/);
    assert.equal(await stopped, 0);
    const time = Date.now() - before;
    assert.ok(time >= 5_000, String(time));
    await assert.rejects(lookUp(server, ''));
  });

  for (const second of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends at once with a second signal: ${second}`, async () => {
      const { location, bytes } = await publisher.sign();
      const [repository = '', digest = ''] = location.split(/@sha256=|\/signature-1/);
      await writeSignature(
        directory(),
        { repository, digest: `sha256:${digest}`, number: 1 },
        bytes,
      );
      const args = [...publisher.serveArgs(directory()), '--drain=1h'];
      const server = await servers.start(directory(), args);
      server.signal('SIGTERM');
      await server.waitForLine(/"msg":"draining"/);
      assert.equal((await lookUp(server, location)).status, 200);
      assert.equal(await server.stop(second), 128 + constants.signals[second]);
      assert.match(server.stdout(), /signature-1 HTTP\/1\.1" 200/);
    });
  }

  it('does not drain what has no state yet', async () => {
    const { url, close } = await startHangingHost();
    const args = [...publisher.serveArgs(directory()), '--drain=1h'];
    const server = await servers.startListening(url, args);
    assert.equal((await lookUp(server, 'readyz')).status, 503);
    assert.equal(await server.stop('SIGTERM'), 0);
    close();
  });

  it('ends during a start that waits for a file', async () => {
    const pipe = join(directory(), 'secret');
    await promisify(execFile)('mkfifo', [pipe]);
    const args = [...publisher.serveArgs(directory()), `--webhook-secret-file=${pipe}`];
    const words = ['dist/cli/main.js', 'serve', directory(), '--listen=127.0.0.1:0', ...args];
    const server = await startBackground(process.execPath, words);
    // Opens when the server reads it.
    const writer = await open(pipe, 'w');
    assert.equal(await server.stop('SIGTERM'), 0);
    await writer.close();
  });

  it('ends on SIGINT too', async () => {
    assert.equal(await (await serve()).stop('SIGINT'), 0);
  });

  it('writes every line of the access log first', async () => {
    const { location, bytes } = await publisher.sign();
    const [repository = '', digest = ''] = location.split(/@sha256=|\/signature-1/);
    await writeSignature(directory(), { repository, digest: `sha256:${digest}`, number: 1 }, bytes);
    const server = await serve();
    await Promise.all(Array.from({ length: 300 }, () => lookUp(server, location)));
    assert.equal(await server.stop(), 0);
    const lines = server.stdout().split('\n');
    assert.equal(
      lines.filter((line) => line.includes(`"GET /${location} HTTP/1.1" 200`)).length,
      300,
    );
    assert.equal(lines.length, 301);
  });
});

function portOf({ baseUrl }: { readonly baseUrl: string }): number {
  return Number(new URL(baseUrl).port);
}

/** A git host that takes connections and never answers. */
async function startHangingHost() {
  const sockets: Socket[] = [];
  const host = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
  }).listen(0, '127.0.0.1');
  await once(host, 'listening');
  const address = host.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    url: `http://127.0.0.1:${address.port}/x.git`,
    connected: once(host, 'connection'),
    close: () => {
      for (const socket of sockets) socket.destroy();
      host.close();
    },
  };
}

/** Sends the beginning of a webhook whose body has 4 bytes. */
async function beginRequest(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /webhook HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n1');
  return socket;
}
