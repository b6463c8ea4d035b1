import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExampleServer, startExample } from './example-server.ts';
import { ask, open, parseAnswers, readToEnd, sendRaw } from './raw-http.ts';

const SECRET = 'correct horse battery staple';
const MAX_BODY = 25 * 1024 * 1024;
const PUSH = '{"ref": "refs/heads/main"}';

/** The head of a delivery of this body, framed one way or the other. */
function formatHead(body: string, framing: string): string {
  const signature = createHmac('sha256', SECRET).update(body).digest('hex');
  return (
    `POST /webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\n` +
    `X-Hub-Signature-256: sha256=${signature}\r\n${framing}\r\n\r\n`
  );
}

describe('the limits of the webhook', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample({ webhookSecrets: [SECRET] });
  });
  after('stop', async () => server.stop());

  const bodies = { 'exactly 25 MiB': [MAX_BODY, 202], 'a byte more': [MAX_BODY + 1, 413] } as const;
  for (const [name, [size, status]] of Object.entries(bodies)) {
    const body = PUSH.padEnd(size, ' ');
    const framings = {
      announced: [`Content-Length: ${size}`, body],
      chunked: ['Transfer-Encoding: chunked', `${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
    } as const;
    for (const [framing, [header, bytes]] of Object.entries(framings)) {
      it(`answers ${status} to ${name}, ${framing}, and goes on with the connection`, async () => {
        const socket = await open(server.url);
        const answer = readToEnd(socket);
        socket.write(formatHead(body, header) + bytes);
        socket.write('GET /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        const statuses = parseAnswers(await answer, ['POST', 'GET']).map((each) => each.status);
        socket.destroy();
        assert.deepEqual(statuses, [status, 405]);
      });
    }
  }

  it('takes deliveries of clients that have said all', async () => {
    // What answers them is loaded behind the first generation.
    await ask(server.url, 'GET', '/webhook');
    const delivery = formatHead(PUSH, `Content-Length: ${PUSH.length}`) + PUSH;
    const methods = ['POST', 'POST', 'POST'];
    const answers = parseAnswers(await sendRaw(server.url, delivery.repeat(3)), methods);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 202],
    );
  });

  it('needs no more memory for a body that it will not take', async () => {
    const socket = await open(server.url);
    socket.resume();
    const size = 8 * MAX_BODY;
    const before = process.memoryUsage().arrayBuffers;
    socket.write(formatHead('', `Content-Length: ${size}`));
    const piece = Buffer.alloc(MAX_BODY / 5);
    for (let sent = 0; sent < size; sent += piece.length) {
      if (!socket.write(piece))
        await Promise.race([new Promise((go) => socket.once('drain', go)), sleep(1000)]);
    }
    const grown = process.memoryUsage().arrayBuffers - before;
    socket.destroy();
    assert.ok(grown < 2 * MAX_BODY, `grew by ${grown} bytes`);
  });

  it('survives a client that goes away in the middle', async () => {
    const socket = await open(server.url);
    socket.write(`${formatHead(PUSH, `Content-Length: ${PUSH.length + 1}`)}${PUSH}`);
    await sleep(20);
    socket.destroy();
    await sleep(20);
    assert.equal((await fetch(server.url)).status, 200);
  });
});
