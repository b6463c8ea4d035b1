import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TLSSocket, connect as connectSecurely } from 'node:tls';
import { type Listener, type TlsFiles, listen } from '../../../server/listen/listener.ts';
import { eventually } from '../../kit/eventually.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { createGate } from '../../kit/server/gate.ts';
import {
  ask,
  formatRequest,
  open,
  parseAnswers,
  readToEnd,
  sendRaw,
} from '../../kit/web/raw-http.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
/** The length of its chunk is no number. */
const BROKEN_BODY = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz';
const answerOk: RequestListener = (_request, response) => void response.end('ok');

const start = async (handle = answerOk, tls?: TlsFiles, port = 0): Promise<Listener> =>
  listen({ host: '127.0.0.1', port, tls, handle, onError: () => undefined });

/**
 * Milliseconds until the server has ended its side (`end`), or has cut off a client that goes on
 * writing (`close`).
 */
async function timeUntil(event: 'end' | 'close', socket: Socket): Promise<number> {
  const since = Date.now();
  socket.resume();
  await new Promise<void>((resolve) => {
    socket.once(event, () => resolve()).once('close', () => resolve());
  });
  return Date.now() - since;
}

function statusesOf(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => Number(status));
}

async function connectTo({ url }: Listener): Promise<TLSSocket> {
  const socket = connectSecurely({
    host: '127.0.0.1',
    port: Number(new URL(url).port),
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await once(socket, 'secureConnect');
  return socket;
}

function ownName(socket: TLSSocket): string {
  return String(socket.getPeerCertificate().subject.CN);
}

async function get(socket: TLSSocket): Promise<string> {
  socket.write(GET);
  const [data]: unknown[] = await once(socket, 'data');
  return String(data);
}

describe('the listener', () => {
  const directory = useTemporary('suite');
  let certificate: TlsFiles;
  /** Waits that are long, and so begin together. */
  let slow: Record<'headers' | 'stop' | 'stuck' | 'handshake', Promise<number>>;

  before('begin what takes long', async () => {
    certificate = await makeCertificate(directory(), 'first');
    const [patient, stopping, secure] = await Promise.all([
      start(),
      start(() => undefined),
      start(answerOk, certificate),
    ]);
    const [dribbling, stuck, silent] = await Promise.all([
      open(patient.url),
      open(stopping.url),
      open(secure.url),
    ]);
    dribbling.write('GET / HTTP/1.1\r\n');
    const timer = setInterval(() => dribbling.write('a: b\r\n'), 500);
    dribbling.once('close', () => clearInterval(timer));
    stuck.write(GET);
    silent.write('\x16');
    await sleep(50);
    const since = Date.now();
    slow = {
      headers: timeUntil('close', dribbling),
      stuck: timeUntil('end', stuck),
      handshake: timeUntil('end', silent),
      stop: Promise.all([stopping.stop(), secure.stop()]).then(() => Date.now() - since),
    };
    void slow.headers.then(async () => patient.stop());
    // Each is open to its own side until it is closed there too.
    void slow.stuck.then(() => stuck.destroy());
    void slow.handshake.then(() => silent.destroy());
  });

  it('says where it listens, and rejects when the port is in use', async () => {
    const listener = await start();
    assert.match(listener.url, /^http:\/\/127\.0\.0\.1:[1-9][0-9]*$/);
    const port = Number(new URL(listener.url).port);
    await assert.rejects(start(answerOk, undefined, port), { code: 'EADDRINUSE' });
    assert.equal((await ask(listener.url, 'GET', '/')).body, 'ok');
    await listener.stop();
    const again = await start(answerOk, undefined, port);
    await again.stop();
  });

  it('rejects a host that is not here and a certificate that is none', async () => {
    const options = { port: 0, tls: undefined, handle: answerOk, onError: () => undefined };
    await assert.rejects(listen({ ...options, host: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' });
    await assert.rejects(start(answerOk, { ...certificate, cert: Buffer.from('none') }));
  });

  it('is not hindered by 200 idle connections, and closes those that were used at once', async () => {
    const listener = await start();
    const idle = await Promise.all(Array.from({ length: 200 }, async () => open(listener.url)));
    for (const socket of idle) socket.write(GET);
    await Promise.all(idle.map(async (socket) => once(socket, 'data')));
    assert.equal((await ask(listener.url, 'GET', '/')).status, 200);
    const closed = idle.map(async (socket) =>
      once(socket.resume(), 'end').then(() => socket.end()),
    );
    await Promise.all([listener.stop(), ...closed]);
  });

  it('cuts off a client that goes on after its broken request was answered', async () => {
    const listener = await start();
    const socket = await open(listener.url);
    const answer = readToEnd(socket);
    socket.write('nonsense\r\n\r\n');
    assert.equal(parseAnswers(await answer, [])[0]?.status, 400);
    const timer = setInterval(() => socket.write('more'), 100);
    assert.ok((await timeUntil('close', socket)) < 20_000);
    clearInterval(timer);
    await listener.stop();
  });

  describe('answers what is no HTTP', () => {
    it('behind the requests before it, however long they take', async () => {
      const gate = createGate();
      const listener = await start((_request, response) => {
        void gate.wait().then(() => response.end('ok'));
      });
      const socket = await open(listener.url);
      const answer = readToEnd(socket);
      socket.write(`${GET}${GET}nonsense\r\n\r\n`);
      for (let times = 0; times < 20; times++) {
        await new Promise((resolve) => setImmediate(resolve));
        socket.write('more');
      }
      gate.open();
      const text = await answer;
      assert.deepEqual(statusesOf(text), [200, 200, 400]);
      assert.equal(text.match(/ok/g)?.length, 2);
      socket.destroy();
      await listener.stop();
    });

    it('in place of the request of which the body is broken', async () => {
      const listener = await start((request, response) => {
        request.on('end', () => response.end('ok')).resume();
      });
      assert.deepEqual(statusesOf(await sendRaw(listener.url, `${GET}${BROKEN_BODY}`)), [200, 400]);
      await listener.stop();
    });

    it('and a tunnel, which it closes, behind the requests before it', async () => {
      const gate = createGate();
      const listener = await start((_request, response) => {
        void gate.wait().then(() => response.end('ok'));
      });
      const socket = await open(listener.url);
      const answer = readToEnd(socket);
      socket.write(`${GET}${GET}CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\nmore`);
      gate.open();
      assert.deepEqual(statusesOf(await answer), [200, 200]);
      socket.destroy();
      await listener.stop();
    });

    it('not at all behind the last answer of a connection', async () => {
      const listener = await start();
      const last = GET.replace('Host', 'Connection: close\r\nHost');
      assert.deepEqual(
        statusesOf(await sendRaw(listener.url, `${GET}${last}nonsense`)),
        [200, 200],
      );
      await listener.stop();
    });
  });

  it('ends running requests when it stops, and takes no new ones', async () => {
    const gate = createGate();
    const listener = await start((_request, response) => {
      response.write('o');
      void gate.wait().then(() => response.end('k'));
    });
    const socket = await open(listener.url);
    const answer = readToEnd(socket);
    socket.write(GET);
    await once(socket, 'data');
    let stopped = false;
    const stopping = listener.stop().then(() => (stopped = true));
    await sleep(100);
    assert.equal(stopped, false);
    await assert.rejects(open(listener.url), { code: 'ECONNREFUSED' });
    gate.open();
    assert.match(await answer, /1\r\no\r\n1\r\nk\r\n0\r\n\r\n$/);
    socket.end();
    await stopping;
  });

  it('stops when there is nobody', async () => {
    const listener = await start();
    await listener.stop();
    await assert.rejects(open(listener.url), { code: 'ECONNREFUSED' });
  });

  it('does not wait, when it stops, for connections that never sent a byte', async () => {
    const listener = await start();
    const socket = await open(listener.url);
    const ended = timeUntil('end', socket);
    await listener.stop();
    assert.ok((await ended) < 20_000);
    socket.destroy();
  });

  it('answers, when it stops, what is asked on a connection that it has just taken', async () => {
    for (const answerPlain of [undefined, () => undefined]) {
      const listener = await listen({
        host: '127.0.0.1',
        port: 0,
        tls: undefined,
        handle: answerOk,
        onError: () => undefined,
        ...(answerPlain && { answerPlain }),
      });
      const socket = await open(listener.url);
      // By the answer to another one, it has taken this one too.
      await ask(listener.url, 'GET', '/');
      const stopped = listener.stop();
      socket.write(GET);
      assert.match(await readToEnd(socket), /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close[^]*ok$/);
      await stopped;
    }
  });

  it('gives an answer to a client that has closed its side', async () => {
    const listener = await start();
    assert.match(await sendRaw(listener.url, formatRequest('GET', '/')), /ok$/);
    await listener.stop();
  });

  it('gives it an answer that takes its time, and then closes', async () => {
    const listener = await start((request, response) => {
      setTimeout(() => answerOk(request, response), 100);
    });
    assert.match(await sendRaw(listener.url, formatRequest('GET', '/')), /ok$/);
    await listener.stop();
  });

  describe('with TLS', () => {
    it('serves new connections with a new certificate, and old ones on', async () => {
      const listener = await start(answerOk, certificate);
      assert.match(listener.url, /^https:/);
      const old = await connectTo(listener);
      assert.equal(old.alpnProtocol, 'http/1.1');
      assert.equal(ownName(old), 'first');
      listener.replaceTls(await makeCertificate(directory(), 'second'));
      const fresh = await connectTo(listener);
      assert.equal(ownName(fresh), 'second');
      assert.match(await get(old), /ok$/);
      assert.match(await get(fresh), /ok$/);
      assert.throws(() => listener.replaceTls({ ...certificate, key: Buffer.from('none') }));
      const later = await connectTo(listener);
      assert.equal(ownName(later), 'second');
      for (const socket of [old, fresh, later]) socket.destroy();
      await listener.stop();
    });

    it('survives plain HTTP, junk and clients that break off', async () => {
      const listener = await start(answerOk, certificate);
      for (const junk of [GET, '\x16\x03\x01\0\x05hello', '', '\0'.repeat(1000)]) {
        await sendRaw(listener.url, junk);
      }
      (await connectTo(listener)).destroy();
      const socket = await connectTo(listener);
      assert.match(await get(socket), /ok$/);
      socket.destroy();
      await eventually(async () => listener.stop());
    });
  });

  it('cuts off, when it stops, what does not end within 8 seconds', async () => {
    const { stop, stuck, handshake } = slow;
    const times = await Promise.all([stop, stuck, handshake]);
    assert.ok(
      times.every((time) => time > 7500 && time < 9500),
      times.join(' '),
    );
  });

  it('cuts off a client that sends its headers slowly', async () => {
    const time = await slow.headers;
    assert.ok(time > 9000 && time < 14_500, String(time));
  });
});
