import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../kit/eventually.ts';
import { type ExampleServer, startExample } from '../../../kit/server/example-server.ts';
import { sendBodies, sendChunkedBodies } from '../../../kit/web/hostile-clients.ts';
import { ask, open, parseAnswers, readToEnd, sendRaw } from '../../../kit/web/raw-http.ts';

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
      const follows = status === 202 ? ', and goes on with the connection' : '';
      it(`answers ${status} to ${name}, ${framing}${follows}`, async () => {
        const socket = await open(server.url);
        const answer = readToEnd(socket);
        socket.write(formatHead(body, header) + bytes);
        socket.write('GET /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        const statuses = parseAnswers(await answer, ['POST', 'GET']).map((each) => each.status);
        socket.destroy();
        // Behind what was not read to its end the connection is closed.
        if (status === 202) assert.deepEqual(statuses, [202, 405]);
        else assert.equal(statuses[0], status);
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

  it('has 64 MiB for all bodies of clients that do not know the secret', async () => {
    await ask(server.url, 'GET', '/webhook');
    const before = process.memoryUsage().arrayBuffers;
    const sizes = { connections: 12, size: MAX_BODY };
    const hostile = [
      await sendBodies(server.url, sizes),
      await sendChunkedBodies(server.url, sizes),
      await sendBodies(server.url, { connections: 60, size: 1024 * 1024 }),
    ];
    let most = 0;
    for (let looks = 0; looks < 40; looks++) {
      await sleep(25);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    // An honest client gets through meanwhile.
    const answer = sendRaw(server.url, formatHead(PUSH, `Content-Length: ${PUSH.length}`) + PUSH);
    assert.equal(parseAnswers(await answer, ['POST'])[0]?.status, 202);
    for (const clients of hostile) clients.stop();
    // What was freed is not collected at once.
    assert.ok(most < 160 * 1024 * 1024, `${most} bytes more`);
  });

  it('has no room for 60 bodies of 1 MiB, of which the others are to come again', async () => {
    const delivered = 'lookaside_webhook_deliveries_total{forge="github",result="busy"}';
    const refused = async (): Promise<number> => {
      const text = await (await fetch(`${server.statusUrl}/metrics`)).text();
      const line = text.split('\n').find((one) => one.startsWith(delivered));
      return Number(line?.slice(delivered.length));
    };
    // 64 MiB, without those 25 that are for a large body.
    const room = 64 - 25;
    // All at once: on a busy machine the first are given up before the last have come.
    await eventually(async () => {
      const before = await refused();
      const hostile = await sendBodies(server.url, { connections: 60, size: 1024 * 1024 });
      const areRefused = eventually(
        async () => assert.ok((await refused()) - before >= 60 - room, 'not yet'),
        20_000,
      );
      await areRefused.finally(() => hostile.stop());
    });
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
