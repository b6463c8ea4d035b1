import assert from 'node:assert/strict';
import { LISTENER_LIMITS, listen } from '../../../server/listen/listener.ts';
import { eventually } from '../../kit/eventually.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { ask, open, parseAnswers, readToEnd, sendRaw } from '../../kit/web/raw-http.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /webhook HTTP/1.1\r\nHost: x\r\n';
const SIGNED = `${POST}X-Hub-Signature-256: sha256=${'0'.repeat(64)}\r\n`;
/** The client of a broken request in the combined form, the request line, status and the rest. */
const line = (request: string, status: number): RegExp =>
  new RegExp(`^127\\.0\\.0\\.1 - - \\[[^\\]]+\\] "${request}" ${status} - "-" "-"$`, 'm');

const PROXY_V1 = 'PROXY TCP4 192.0.2.1 192.0.2.2 1234 8080\r\n';
const PROXY_V2 =
  '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x04\xd2\x1f\x90';
const HELLO = '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03';
const HTTP2 = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('requests that cannot be understood', () => {
  const directory = useTemporary('suite');
  let server: ExampleServer;
  beforeEach('start', async () => {
    server = await startExample({ webhookSecrets: ['x'], trustedProxies: ['127.0.0.1'] });
  });
  afterEach('stop', async () => server.stop());

  const readCounts = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await (await fetch(`${server.statusUrl}/metrics`)).text();
    const found = text.matchAll(/^lookaside_broken_requests_total\{reason="([^"]+)"\} (\d+)$/gm);
    return new Map(
      [...found]
        .map(([, reason = '', count]): [string, number] => [reason, Number(count)])
        .filter(([, count]) => count > 0),
    );
  };

  const broken: Readonly<Record<string, readonly [string, number, string, RegExp]>> = {
    'no request line': ['nonsense\r\n\r\n', 400, 'malformed', line('-', 400)],
    'no Host': [
      `GET /${TWICE} HTTP/1.1\r\n\r\n`,
      400,
      'malformed',
      line(`GET /${TWICE} HTTP/1\\.1`, 400),
    ],
    'two lengths': [
      `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
      'malformed',
      line('-', 400),
    ],
    'a head that is too large': [
      `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'too-large',
      line('-', 431),
    ],
    'a target that is no URL': [
      'GET team HTTP/1.1\r\nHost: x\r\n\r\n',
      404,
      'malformed',
      line('-', 404),
    ],
    'a chunk without a length': [
      `${SIGNED}Transfer-Encoding: chunked\r\n\r\nzz`,
      400,
      'malformed',
      line('POST /webhook HTTP/1\\.1', 400),
    ],
  };
  for (const [name, [request, status, reason, logged]] of Object.entries(broken)) {
    it(`are logged with the client, and counted: ${name}`, async () => {
      const [answer] = parseAnswers(await sendRaw(server.url, request), []);
      assert.deepEqual([answer?.status, answer?.body], [status, '']);
      await eventually(() => assert.match(server.accessLog.text(), logged));
      assert.deepEqual(await readCounts(), new Map([[reason, 1]]));
    });
  }

  it('are logged when they come behind others, each in its turn', async () => {
    await sendRaw(
      server.url,
      `GET /${TWICE}/signature-1 HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n`,
    );
    await eventually(() => {
      const [first, second] = server.accessLog.text().split('\n');
      assert.match(first ?? '', /signature-1 HTTP\/1\.1" 200/);
      assert.match(second ?? '', line('-', 400));
    });
  });

  it('name the client that a trusted proxy names, where the head could be read', async () => {
    const forwarded = 'X-Forwarded-For: 192.0.2.7\r\n';
    await sendRaw(server.url, `${SIGNED}${forwarded}Transfer-Encoding: chunked\r\n\r\nzz`);
    await eventually(() => assert.match(server.accessLog.text(), /^192\.0\.2\.7 - .*" 400 -/m));
  });

  it('say in JSON what is wrong with them', async () => {
    const json = await startExample({ accessLog: 'json' });
    await sendRaw(json.url, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`);
    const { time, ...entry } = await eventually(() => JSON.parse(json.accessLog.text()));
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.deepEqual(entry, {
      client: '127.0.0.1',
      method: null,
      path: null,
      status: 431,
      bytes: 0,
      outcome: 'too-large',
      repository: null,
      digest: null,
      number: null,
    });
    await json.stop();
  });

  const foreign = {
    'proxy-header': [[PROXY_V1 + GET, PROXY_V2 + GET], /PROXY protocol header/, /X-Forwarded-For/],
    tls: [[HELLO], /a TLS handshake came on a port without TLS/, /--tls-cert/],
    http2: [[HTTP2], /HTTP\/2 without TLS/, /HTTP\/1\.1/],
  } as const;
  for (const [reason, [starts, message, hint]] of Object.entries(foreign)) {
    it(`of another protocol are named in the log, once a minute: ${reason}`, async () => {
      for (const start of starts) {
        for (let times = 0; times < 3; times++) {
          const [answer] = parseAnswers(await sendRaw(server.url, start), []);
          assert.equal(answer?.status, 400);
        }
        await sendRaw(server.statusUrl, start);
      }
      assert.deepEqual(await readCounts(), new Map([[reason, 3 * starts.length]]));
      await eventually(() => assert.match(server.accessLog.text(), line('-', 400)));
      const warnings = server.programLog
        .text()
        .split('\n')
        .filter((text) => text.includes('"level":"warn"'))
        .map((text): Record<string, unknown> => JSON.parse(text))
        .filter(({ msg }) => message.test(String(msg)));
      assert.deepEqual(
        warnings.map(({ client, msg }) => [client, String(msg).split(':')[0]]),
        [
          ['127.0.0.1', 'the store'],
          ['127.0.0.1', 'the status listener'],
        ],
      );
      assert.match(String(warnings[0]?.['hint']), hint);
      assert.equal((await ask(server.url, 'GET', `/${TWICE}/signature-1`)).status, 200);
    });
  }

  it('that come too slowly, or not at all, are answered with 408, and told of', async () => {
    const told: (readonly [string, number | undefined, string])[] = [];
    const listener = await listen({
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      limits: { ...LISTENER_LIMITS, headersTimeout: 100, connectionsCheckingInterval: 20 },
      answerPlain: () => undefined,
      handle: (_request, response) => void response.end(),
      onError: () => undefined,
      onBroken: ({ reason, status, client }) => void told.push([reason, status, client]),
    });
    for (const start of ['GET / HT', '']) {
      const socket = await open(listener.url);
      const answer = readToEnd(socket);
      socket.write(start);
      assert.equal(parseAnswers(await answer, [])[0]?.status, 408);
      socket.destroy();
    }
    const slow = ['too-slow', 408, '127.0.0.1'] as const;
    assert.deepEqual(told, [slow, slow]);
    await listener.stop();
  });

  it('and are no TLS, on the port with TLS, are named in the log', async () => {
    const tls = await makeCertificate(directory(), 'first');
    const secure = await startExample({ tls });
    for (const start of [GET, 'OPTIONS / HTTP/1.0\r\n\r\n', PROXY_V1, PROXY_V2]) {
      assert.equal(await sendRaw(secure.url, start), '');
    }
    await eventually(() => {
      assert.match(secure.programLog.text(), /what came on the port with TLS is not TLS/);
    });
    assert.match(secure.programLog.text(), /"client":"127\.0\.0\.1"/);
    const metrics = await (await fetch(`${secure.statusUrl}/metrics`)).text();
    assert.match(metrics, /^lookaside_broken_requests_total\{reason="not-tls"\} 4$/m);
    assert.equal(secure.accessLog.text(), '');
    await secure.stop();
  });
});
