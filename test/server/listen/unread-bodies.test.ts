import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { atLength } from '../../kit/at-length.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { formatChunk, formatDelivery } from '../../kit/web/hostile-clients.ts';
import { ask, headerOf, open, parseAnswers, readToEnd } from '../../kit/web/raw-http.ts';

const SECRET = 'correct horse battery staple';
const PUSH = '{"ref": "refs/heads/main"}';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const MIB = 1024 * 1024;
const EXPECT = 'Expect: 100-continue\r\n';

const post = (target: string, framing: string): string =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n`;
const delivery = (framing: string): string =>
  formatDelivery(`${EXPECT}${framing}`, { body: PUSH, secret: SECRET });

/** A request, and the status of its answer; `ends`: no answer comes behind it. */
interface Sent {
  readonly bytes: string;
  readonly status: number;
  readonly mayContinue?: boolean;
  readonly ends?: boolean;
}

const SENT: readonly Sent[] = [
  { bytes: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', status: 200 },
  { bytes: 'GET /none HTTP/1.1\r\nHost: x\r\n\r\n', status: 404 },
  { bytes: `GET /${TWICE}/signature-1 HTTP/1.1\r\nHost: x\r\n\r\n`, status: 200 },
  {
    bytes: `${delivery(`Content-Length: ${PUSH.length}`)}${PUSH}`,
    status: 202,
    mayContinue: true,
  },
  {
    bytes: `${delivery('Transfer-Encoding: chunked')}${formatChunk(PUSH)}0\r\n\r\n`,
    status: 202,
    mayContinue: true,
  },
  { bytes: `${post('/', 'Content-Length: 4')}body`, status: 405 },
  { bytes: `${post('/', `${EXPECT}Content-Length: 4`)}body`, status: 405, ends: true },
  { bytes: `${post('/webhook', `${EXPECT}Content-Length: 4`)}body`, status: 401, ends: true },
  {
    bytes: `${post('/none', 'Transfer-Encoding: chunked')}${formatChunk('x')}0\r\n\r\n`,
    status: 404,
    ends: true,
  },
];

describe('bodies that nobody wants, and clients that ask whether theirs is wanted', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample({ webhookSecrets: [SECRET] });
    await ask(server.url, 'GET', '/');
  });
  after('stop', async () => server.stop());

  it('is told to go on in its turn, and only if the body is read', async () => {
    const requests = fc.array(fc.constantFrom(...SENT), { minLength: 1, maxLength: 12 });
    const cuts = fc.array(fc.nat(3000), { maxLength: 4 });
    const property = fc.asyncProperty(requests, cuts, async (sent, places) => {
      const socket = await open(server.url);
      const text = readToEnd(socket);
      let rest = sent.map(({ bytes }) => bytes).join('');
      for (const place of places) {
        if (socket.destroyed || !socket.writable) break;
        socket.write(rest.slice(0, place));
        rest = rest.slice(place);
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.end(rest);
      const last = sent.findIndex(({ ends }) => ends === true);
      const answered = last < 0 ? sent : sent.slice(0, last + 1);
      let got = await text;
      socket.destroy();
      // Each answer, from its status line to the next, with what came before it.
      for (const { status, mayContinue } of answered) {
        if (got.startsWith(CONTINUE)) {
          assert.ok(mayContinue, `told to go on before ${status}`);
          got = got.slice(CONTINUE.length);
        }
        const head = got.slice(0, got.indexOf('\r\n\r\n') + 4);
        const length = Number(headerOf({ headers: head.split('\r\n') }, 'Content-Length'));
        const [answer] = parseAnswers(got.slice(0, head.length + length), ['POST']);
        assert.equal(answer?.status, status);
        got = got.slice(head.length + length);
      }
      assert.equal(got, '');
    });
    await fc.assert(property, { numRuns: atLength(40, 150) });
  });

  for (const framing of [`Content-Length: ${PUSH.length}`, 'Transfer-Encoding: chunked']) {
    it(`waits for its answer and is told to go on: ${framing}`, async () => {
      const socket = await open(server.url);
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3) + delivery(framing));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      while (!text.endsWith(CONTINUE)) await once(socket, 'data');
      const pages = parseAnswers(text.slice(0, -CONTINUE.length), []);
      assert.deepEqual(
        pages.map(({ status }) => status),
        [200, 200, 200],
      );
      text = '';
      socket.write(framing.startsWith('C') ? PUSH : `${formatChunk(PUSH)}0\r\n\r\n`);
      while (!text.includes('refresh queued')) await once(socket, 'data');
      assert.equal(parseAnswers(text, [])[0]?.status, 202);
      socket.destroy();
    });
  }

  it('is told to go on behind the answer to what came with it', async () => {
    // Both are taken up at once, as only Node knows where a chunked body ends.
    const chunked = delivery('Transfer-Encoding: chunked').replace(EXPECT, '');
    const first = `${chunked}${formatChunk(PUSH)}0\r\n\r\n`;
    const socket = await open(server.url);
    const text = readToEnd(socket);
    socket.end(`${first}${delivery(`Content-Length: ${PUSH.length}`)}${PUSH}`);
    const parts = (await text).split(CONTINUE);
    const statuses = parts.map((part) => parseAnswers(part, []).map(({ status }) => status));
    assert.deepEqual(statuses, [[202], [202]]);
    socket.destroy();
  });

  const places = {
    'the page': ['main', '/', 405],
    'a location': ['main', `/${TWICE}/signature-1`, 405],
    'a path that is not there': ['main', '/none', 404],
    'the webhook without a signature': ['main', '/webhook', 401],
    'the refresh': ['status', '/refresh', 202],
    'a status page': ['status', '/', 405],
  } as const;
  for (const [name, [where, target, status]] of Object.entries(places)) {
    const url = (): string => (where === 'main' ? server.url : server.statusUrl);

    it(`is answered at once, and closed: a long body for ${name}`, async () => {
      for (const framing of [`Content-Length: ${8 * MIB}`, 'Transfer-Encoding: chunked']) {
        const socket = await open(url());
        const text = readToEnd(socket);
        socket.write(post(target, framing));
        if (framing.startsWith('T')) socket.write(`${(8 * MIB).toString(16)}\r\n`);
        const [answer] = parseAnswers(await text, ['POST']);
        assert.equal(answer?.status, status);
        assert.equal(headerOf(answer, 'Connection'), 'close');
        socket.destroy();
      }
    });

    it(`gets its answer though it reads it when all is sent: a long body for ${name}`, async () => {
      const socket = await open(url());
      socket.pause();
      const piece = Buffer.alloc(64 * 1024, 'x');
      socket.write(post(target, `Content-Length: ${64 * piece.length}`));
      for (let sent = 0; sent < 64; sent++) {
        if (!socket.write(piece)) await once(socket, 'drain');
      }
      const text = readToEnd(socket);
      socket.resume();
      const [answer] = parseAnswers(await text, ['POST']);
      assert.equal(answer?.status, status);
      socket.destroy();
    });

    it(`goes on behind a short body for ${name}`, async () => {
      const socket = await open(url());
      const text = readToEnd(socket);
      const short = `${post(target, 'Content-Length: 1000')}${'x'.repeat(1000)}`;
      socket.write(short + short.replace('Host', 'Connection: close\r\nHost'));
      const answers = parseAnswers(await text, ['POST', 'POST']);
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [status, status],
      );
      socket.destroy();
    });
  }

  it('goes on and ends as any other after thousands of short bodies', async () => {
    const socket = await open(server.url);
    const last = post('/none', 'Connection: close\r\nContent-Length: 1');
    const text = readToEnd(socket);
    socket.write(`${post('/none', 'Content-Length: 1')}x`.repeat(15_000));
    socket.write(`${last}x`);
    const answers = (await text).split('HTTP/1.1 404 Not Found\r\n').length - 1;
    assert.equal(answers, 15_001);
    socket.destroy();
  });

  it('is cut off if it never stops', async () => {
    const socket = await open(server.url);
    socket.resume();
    const closed = new Promise<false>((resolve) => socket.once('close', () => resolve(false)));
    socket.write(post('/', 'Transfer-Encoding: chunked'));
    const timer = setInterval(() => socket.write(formatChunk('x'.repeat(1000))), 5);
    const isLate = await Promise.race([closed, sleep(5000, true)]);
    clearInterval(timer);
    assert.equal(isLate, false);
  });
});
