import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, createServer } from 'node:net';
import { type TLSSocket, connect as connectSecurely } from 'node:tls';
import { eventually } from '../../kit/eventually.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { AnswerWriter, MAX_BODY } from '../../../server/listen/quick-connections.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { at } from '../../kit/server/fake-judge.ts';
import { open, parseAnswers, readToEnd } from '../../kit/web/raw-http.ts';
import {
  FILES,
  type SignatureListener,
  startListener,
} from '../../kit/server/signature-listener.ts';

/** Milliseconds. */
const SHORT = {
  headersTimeout: 300,
  keepAliveTimeout: 600,
  requestTimeout: 5_000,
  socketTimeout: 600,
  connectionsCheckingInterval: 20,
};
const LONG = 60_000;

function get(path: string, more = ''): string {
  return `GET /${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
}

/** Sends one request on a connection that stays, and gives the body of its answer. */
async function bodyOf(socket: Socket, request: string): Promise<string | undefined> {
  socket.write(request);
  const [chunk]: unknown[] = await once(socket, 'data');
  return parseAnswers(String(chunk), [])[0]?.body;
}

async function connect({ url }: SignatureListener): Promise<TLSSocket> {
  const port = Number(new URL(url).port);
  const socket = connectSecurely({ host: '127.0.0.1', port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

describe('quick connections', () => {
  let listener: SignatureListener;
  const start = async (options: Partial<Parameters<typeof startListener>[0]> = {}) => {
    listener = await startListener({ isQuick: true, ...options });
    return listener;
  };
  afterEach('stop', async () => listener.stop());

  it('come to node:http with the first request that is not plain, and stay there', async () => {
    await start();
    const socket = await open(listener.url);
    assert.equal(await bodyOf(socket, get(at(1))), 'first');
    assert.equal(listener.requests.length, 0);
    assert.equal(await bodyOf(socket, get(at(2), 'X: y\r\n')), 'the second one');
    assert.equal(listener.requests.length, 1);
    assert.equal(listener.requests[0]?.headers['x'], 'y');
    assert.equal(await bodyOf(socket, get(at(1))), 'first');
    assert.equal(listener.requests.length, 2);
    socket.destroy();
  });

  it('are closed, as those of node:http, if no request comes in time', async () => {
    for (const isQuick of [true, false]) {
      await start({ isQuick, limits: SHORT });
      const socket = await open(listener.url);
      const answer = parseAnswers(await readToEnd(socket), []);
      socket.destroy();
      assert.deepEqual(
        answer.map(({ status, body }) => [status, body]),
        [[408, '']],
      );
      await listener.stop();
    }
  });

  it('are closed when they are not used again, and not while they are', async () => {
    await start({ limits: { ...SHORT, headersTimeout: 100 } });
    const socket = await open(listener.url);
    const since = Date.now();
    for (let times = 0; times < 8; times++) {
      assert.equal(await bodyOf(socket, get(at(1))), 'first');
      await new Promise((resolve) => setTimeout(resolve, SHORT.keepAliveTimeout / 4));
    }
    assert.ok(Date.now() - since > SHORT.keepAliveTimeout);
    assert.equal(await bodyOf(socket, get(at(1))), 'first');
    const last = Date.now();
    await once(socket, 'end');
    assert.ok(Date.now() - last >= SHORT.keepAliveTimeout - 50);
    assert.equal(listener.requests.length, 0);
    socket.destroy();
  });

  it('are closed when an answer is not read', async () => {
    // On a busy machine node:http may be late.
    const patient = { keepAliveTimeout: LONG, headersTimeout: 4000, socketTimeout: 1500 };
    await start({ limits: { ...SHORT, ...patient } });
    const socket = await open(listener.url);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const timer = setInterval(() => socket.write(get(at(3))), 1);
    await closed;
    clearInterval(timer);
    // Answers did not pile up: node:http got the connection.
    assert.ok(listener.requests.length > 0);
  });

  it('are closed at once when the server stops', async () => {
    await start();
    const idle = await Promise.all(Array.from({ length: 200 }, async () => open(listener.url)));
    await Promise.all(idle.map(async (socket) => bodyOf(socket, get(at(1)))));
    const closed = idle.map(async (socket) => once(socket, 'end'));
    await Promise.all([listener.stop(), ...closed]);
    assert.equal(listener.requests.length, 0);
    for (const socket of idle) socket.destroy();
    await start();
  });

  it('survive clients that go away in the middle', async () => {
    await start();
    for (let times = 0; times < 50; times++) {
      const socket = await open(listener.url);
      socket.write(get(at(3)));
      if (times % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    const socket = await open(listener.url);
    assert.equal(await bodyOf(socket, get(at(1))), 'first');
    socket.destroy();
  });

  it('end when the client ends, after the answer', async () => {
    await start();
    const socket = await open(listener.url);
    const text = readToEnd(socket);
    socket.end(get(at(1)));
    assert.match(await text, /first$/);
    const silent = await open(listener.url);
    silent.end();
    assert.equal(await readToEnd(silent), '');
    assert.equal(listener.requests.length, 0);
    for (const ended of [socket, silent]) ended.destroy();
  });

  it('keep lines of the log apart by client program', async () => {
    await start();
    const [first, second] = [await open(listener.url), await open(listener.url)];
    for (const socket of [first, second, first]) {
      const agent = socket === first ? 'one' : '"two\\';
      await bodyOf(socket, get(at(1), `User-Agent: ${agent}\r\nReferer: r\r\n`));
    }
    const ends = listener.log.take().map((line) => line.replace(/^.* 200 /, ''));
    const [one, two] = ['5 "r" "one"', String.raw`5 "r" "\"two\\"`];
    assert.deepEqual(ends, [one, two, one]);
    for (const socket of [first, second]) socket.destroy();
  });

  describe('with TLS', () => {
    const directory = useTemporary('suite');

    it('answer, hand over encrypted connections, and are stopped', async () => {
      await start({ tls: await makeCertificate(directory(), 'quick') });
      const socket = await connect(listener);
      for (const number of [1, 2, 1]) {
        assert.equal(await bodyOf(socket, get(at(number))), FILES[at(number)]);
      }
      assert.equal(listener.requests.length, 0);
      assert.equal(await bodyOf(socket, get(at(2), 'X: y\r\n')), 'the second one');
      const [request] = listener.requests;
      assert.ok(request && 'encrypted' in request.socket && request.socket.encrypted === true);
      assert.equal(await bodyOf(socket, get(at(1))), 'first');
      const idle = await connect(listener);
      assert.equal(await bodyOf(idle, get(at(1))), 'first');
      const ended = [socket, idle].map(async (one) => once(one, 'close'));
      await Promise.all([listener.stop(), ...ended]);
      await start();
    });

    it('read on where a request that is not plain is cut', async () => {
      await start({ tls: await makeCertificate(directory(), 'cut') });
      const socket = await connect(listener);
      assert.equal(await bodyOf(socket, get(at(1))), 'first');
      const text = readToEnd(socket);
      const requests = get(at(2)) + get(at(1), 'Connection: close\r\n');
      for (const character of requests) socket.write(character);
      const answers = parseAnswers(await text, []);
      assert.deepEqual(
        answers.map(({ body }) => body),
        ['the second one', 'first'],
      );
      socket.destroy();
    });

    it('have the time to begin that others have', async () => {
      await start({ tls: await makeCertificate(directory(), 'slow'), limits: SHORT });
      const socket = await connect(listener);
      assert.match(await readToEnd(socket), /^HTTP\/1\.1 408 /);
      await eventually(() => assert.ok(socket.destroyed || socket.readableEnded, 'not yet'));
      socket.destroy();
    });
  });
});

describe('writing an answer', () => {
  it('leaves alone what another client has not read yet', async () => {
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const url = `http://127.0.0.1:${address.port}`;
    const clients: Socket[] = [];
    for (let count = 1; count <= 2; count++) {
      const connected = once(server, 'connection');
      clients.push(await open(url));
      await connected;
    }
    const [slow, quick] = accepted;
    const [reading, other] = clients;
    assert.ok(slow && quick && reading && other);
    const writer = new AnswerWriter();
    let written = 0;
    while (slow.writableLength === 0) {
      writer.write(slow, 'head:', Buffer.alloc(MAX_BODY, 'a'));
      written++;
    }
    writer.write(quick, 'HEAD:', Buffer.alloc(MAX_BODY, 'b'));
    slow.end();
    quick.end();
    assert.equal(await readToEnd(other), `HEAD:${'b'.repeat(MAX_BODY)}`);
    assert.ok((await readToEnd(reading)) === `head:${'a'.repeat(MAX_BODY)}`.repeat(written));
    for (const socket of [...accepted, ...clients]) socket.destroy();
    server.close();
  });
});
