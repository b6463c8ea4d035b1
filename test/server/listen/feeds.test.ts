import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';
import { type Listener, type TlsFiles, listen } from '../../../server/listen/listener.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { formatChunk } from '../../kit/web/hostile-clients.ts';
import { open, parseAnswers, readToEnd, sendRaw } from '../../kit/web/raw-http.ts';

const get = (path: string): string => `GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Answers with the target and the body. */
const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = `${request.url} ${Buffer.concat(chunks).toString()}`;
    response.setHeader('Content-Length', text.length).end(text);
  });
};

describe('what clients send without waiting for answers', () => {
  let listener: Listener;
  const directory = useTemporary('suite');
  const start = async (handle: RequestListener, tls?: TlsFiles): Promise<Listener> => {
    listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls,
      handle,
      onError: () => undefined,
    });
    return listener;
  };
  afterEach('stop', async () => listener.stop());

  /** Handles with `answer`, and counts how many requests come in one turn of the event loop. */
  const startCounting = async (answer: RequestListener): Promise<() => number> => {
    let [count, most] = [0, 0];
    await start((request, response) => {
      if (count++ === 0) {
        setImmediate(() => {
          most = Math.max(most, count);
          count = 0;
        });
      }
      answer(request, response);
    });
    return () => most;
  };

  it('is answered in order, one in a turn, also to a client that has said all', async () => {
    const most = await startCounting(echo);
    const paths = Array.from({ length: 3000 }, (_, index) => `x${index}`);
    const text = await sendRaw(listener.url, paths.map(get).join(''));
    const bodies = parseAnswers(text, []).map(({ body }) => body);
    assert.deepEqual(
      bodies,
      paths.map((path) => `/${path} `),
    );
    assert.ok(most() <= 2, `${most()} in one turn`);
  });

  it('is refused behind a body in its turn, to a client that has said all', async () => {
    await start((_request, response) => void response.end());
    const body = 'GET /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody';
    const text = await sendRaw(listener.url, `${get('a')}${get('b')}${body}no HTTP\r\n\r\n`);
    const statuses = parseAnswers(text, []).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200, 200, 400]);
  });

  it('costs on many connections no more than on a few', async () => {
    const most = await startCounting(echo);
    const connections = 40;
    const requests = get('x').repeat(200);
    const texts = await Promise.all(
      Array.from({ length: connections }, async () => sendRaw(listener.url, requests)),
    );
    for (const text of texts) assert.equal(parseAnswers(text, []).length, 200);
    // The first of each may come at once.
    assert.ok(most() <= connections + 8, `${most()} in one turn`);
  });

  it('goes on in one turn on a few of many connections', async () => {
    const connections = 100;
    let [seen, count] = [0, 0];
    const turns: number[] = [];
    await start((request, response) => {
      // The first of each comes when it comes.
      if (seen++ >= connections && count++ === 0) {
        setImmediate(() => {
          turns.push(count);
          count = 0;
        });
      }
      echo(request, response);
    });
    const text = get('x').repeat(20);
    const answers = Array.from({ length: connections }, async () => sendRaw(listener.url, text));
    for (const answer of await Promise.all(answers)) {
      assert.equal(parseAnswers(answer, []).length, 20);
    }
    // 8, and at times one that was there already; without a limit all that are ready.
    const [usual = 0] = turns.toSorted((a, b) => a - b).slice(turns.length / 2);
    assert.ok(usual < 12, `${usual} in a turn`);
  });

  it('waits while its answers are not read', async () => {
    const size = 100_000;
    let handled = 0;
    await start((_request, response) => {
      handled++;
      response.end('x'.repeat(size));
    });
    const socket = await open(listener.url);
    socket.pause();
    const count = 400;
    socket.end(get('x').repeat(count));
    await sleep(300);
    // As much as the system takes.
    assert.ok(handled < count / 2, `${handled} of ${count} are answered`);
    const text = readToEnd(socket);
    socket.resume();
    const answers = parseAnswers(await text, []);
    assert.equal(answers.length, count);
    assert.ok(answers.every(({ body }) => body.length === size));
    socket.destroy();
  });

  it('may be bodies and requests in any mixture', async () => {
    await start(echo);
    const long = 'b'.repeat(70_000);
    const tricky = `${get('inside')}\r\n\r\n`;
    const bodies = ['', 'a', long, tricky, tricky.repeat(500)];
    const requests = bodies.flatMap((body, index) => {
      const head = `POST /${index} HTTP/1.1\r\nHost: x\r\n`;
      const chunks = body === '' ? '' : formatChunk(body);
      return [
        `${head}Content-Length: ${body.length}\r\n\r\n${body}`,
        get(`between-${index}`),
        `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
      ];
    });
    const expected = bodies.flatMap((body, index) => [
      `/${index} ${body}`,
      `/between-${index} `,
      `/${index} ${body}`,
    ]);
    const all = requests.join('').repeat(3);
    for (const piece of [all.length, 50_000, 1000]) {
      const socket = await open(listener.url);
      const text = readToEnd(socket);
      for (let at = 0; at < all.length; at += piece) socket.write(all.slice(at, at + piece));
      socket.end();
      const answered = parseAnswers(await text, []).map(({ body }) => body);
      socket.destroy();
      assert.deepEqual(answered, [...expected, ...expected, ...expected]);
    }
  });

  it('is answered in order over TLS, too', async () => {
    await start(echo, await makeCertificate(directory(), 'feeds'));
    const port = Number(new URL(listener.url).port);
    const socket = connectSecurely({ host: '127.0.0.1', port, rejectUnauthorized: false });
    const text = readToEnd(socket);
    const paths = Array.from({ length: 1000 }, (_, index) => `x${index}`);
    socket.write(
      `${paths.map(get).join('')}${get('').replace('Host', 'Connection: close\r\nHost')}`,
    );
    const bodies = parseAnswers(await text, []).map(({ body }) => body);
    assert.deepEqual(
      bodies,
      [...paths, ''].map((path) => `/${path} `),
    );
  });

  it('does not hold up a client that asks once', async () => {
    await start((request, response) => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      echo(request, response);
    });
    const hostile = await Promise.all(Array.from({ length: 5 }, async () => open(listener.url)));
    for (const socket of hostile) socket.resume().write(get('x').repeat(2000));
    const times: number[] = [];
    for (let index = 0; index < 20; index++) times.push(await timeOf(await open(listener.url)));
    for (const socket of hostile) socket.destroy();
    // Ten seconds of answers to the others are waiting; one that is late by itself is the machine's.
    const median = times.toSorted((one, other) => one - other)[10] ?? Infinity;
    assert.ok(median < 1000, `${median} ms`);
  });
});

async function timeOf(socket: Socket): Promise<number> {
  const since = performance.now();
  socket.write(get('once'));
  await once(socket, 'data');
  socket.destroy();
  return performance.now() - since;
}
