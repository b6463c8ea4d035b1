import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { AccessLogForm } from '../../../server/lookups/access-log.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { formatRequest, sendRaw } from '../../kit/web/raw-http.ts';

const FIRST = `/${TWICE}/signature-1`;
const [REPOSITORY = '', HEX = ''] = TWICE.split('@sha256=');
const UNSIGNED = `/team/nothing@sha256=${HEX}/signature-1`;
/** Apache's combined form; quotes inside quotes are escaped, and nothing but printable ASCII. */
const QUOTED = String.raw`"((?:[ !#-\[\]-~]|\\["\\]|\\x[0-9a-f]{2})*)"`;
const COMBINED = new RegExp(
  String.raw`^(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] ${QUOTED} (\d{3}) (\d+|-) ${QUOTED} ${QUOTED}$`,
);

/** Sends a request as it is and gives the one line that was logged for it. */
async function logOf(server: ExampleServer, request: string): Promise<string> {
  server.accessLog.take();
  await sendRaw(server.url, request);
  const [line, ...more] = server.accessLog.take();
  assert.ok(line !== undefined && more.length === 0, server.accessLog.text());
  return line;
}

function useServer(accessLog: AccessLogForm, trustedProxies: readonly string[] = []) {
  let server: ExampleServer | undefined;
  before('start', async () => {
    server = await startExample({ accessLog, trustedProxies });
  });
  after('stop', async () => server?.stop());
  return (): ExampleServer => {
    if (!server) throw new Error('the server has not started');
    return server;
  };
}

describe('the access log in the combined form', () => {
  const server = useServer('combined');

  const log = async (method: string, target: string, more?: string[]): Promise<RegExpExecArray> => {
    const line = await logOf(server(), formatRequest(method, target, more));
    const match = COMBINED.exec(line);
    assert.ok(match, line);
    return match;
  };

  it('has client, time, request line, status, bytes, referer and user agent', async () => {
    const size = server().files.get(FIRST.slice(1))?.length;
    const agent = ['User-Agent: Go-http-client/1.1'];
    const [, client, time = '', request, ...rest] = await log('GET', FIRST, agent);
    assert.equal(client, '127.0.0.1');
    assert.equal(request, `GET ${FIRST} HTTP/1.1`);
    assert.deepEqual(rest, ['200', String(size), '-', 'Go-http-client/1.1']);
    const at = Date.parse(time.replaceAll('/', ' ').replace(':', ' '));
    assert.ok(Math.abs(Date.now() - at) < 5000, time);
  });

  it('has no bytes where no body was sent', async () => {
    for (const [method, target, header] of [
      ['HEAD', FIRST, 'A: b'],
      ['GET', FIRST, 'If-None-Match: *'],
      ['GET', UNSIGNED, 'A: b'],
      ['POST', FIRST, 'A: b'],
    ] as const) {
      assert.equal((await log(method, target, [header]))[5], '-');
    }
  });

  it('writes quotes, backslashes and bytes beyond ASCII as Apache does', async () => {
    const match = await log('GET', '/a"b\\c', [
      'User-Agent: "\\ \xc3\xa9 \xff\t\x9b2J',
      'Referer: a" 200 - "-" "x',
    ]);
    assert.equal(match[3], String.raw`GET /a\"b\\c HTTP/1.1`);
    assert.equal(match[6], String.raw`a\" 200 - \"-\" \"x`);
    assert.equal(match[7], String.raw`\"\\ \xc3\xa9 \xff\x09\x9b2J`);
  });

  it('stays one line that cannot be taken for another, whatever a client sends', async () => {
    const text = fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)) });
    const forged = fc.constantFrom(
      '"\n127.0.0.1 - - [',
      '\r\nX: y',
      '\\',
      '" 200 - "-" "-"',
      '\x1b[2J',
      '\\"',
    );
    const part = fc.array(fc.oneof(text, forged), { maxLength: 4 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(part, part, part, async (path, agent, referer) => {
        const more = [`User-Agent: ${agent}`, `Referer: ${referer}`];
        server().accessLog.take();
        await sendRaw(server().url, formatRequest('GET', `/${path}`, more));
        for (const line of server().accessLog.take()) assert.match(line, COMBINED);
      }),
      { numRuns: 500 },
    );
    assert.match(await logOf(server(), formatRequest('GET', FIRST)), COMBINED);
  });

  it('knows nothing of X-Forwarded-For unless there are trusted proxies', async () => {
    const [, client] = await log('GET', FIRST, ['X-Forwarded-For: 192.0.2.1']);
    assert.equal(client, '127.0.0.1');
  });

  it('has a line for every lookup and none for the page', async () => {
    server().accessLog.take();
    await sendRaw(server().url, formatRequest('GET', '/'));
    assert.deepEqual(server().accessLog.take(), []);
  });
});

describe('the access log behind a proxy', () => {
  const server = useServer('combined', ['loopback', '10.0.0.0/8']);
  const clientOf = async (...headers: readonly string[]): Promise<string> => {
    const line = await logOf(server(), formatRequest('GET', FIRST, headers));
    const [, client = ''] = COMBINED.exec(line) ?? [];
    return client;
  };

  it('names who stands behind the proxies', async () => {
    assert.equal(await clientOf('X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.1'), '192.0.2.7');
    assert.equal(
      await clientOf('X-Forwarded-For: 192.0.2.7', 'X-Forwarded-For: 10.0.0.1'),
      '192.0.2.7',
    );
    assert.equal(await clientOf('X-Forwarded-For: 2001:db8::1'), '2001:db8::1');
  });
  it('names the proxy where the header is garbage', async () => {
    assert.equal(
      await clientOf('X-Forwarded-For: x - - [now] "GET / HTTP/1.1" 200 1'),
      '127.0.0.1',
    );
    assert.equal(await clientOf('X-Forwarded-For: \x9b2J\xff'), '127.0.0.1');
  });
});

describe('the access log in the JSON form', () => {
  const server = useServer('json');
  const log = async (method: string, target: string, more?: string[]): Promise<object> => {
    const line = await logOf(server(), formatRequest(method, target, more));
    assert.match(line, /^[ -~]*$/);
    const parsed: unknown = JSON.parse(line);
    assert.ok(typeof parsed === 'object' && parsed !== null);
    return parsed;
  };
  const outcomes = {
    served: { target: FIRST, status: 200, number: 1, repository: REPOSITORY },
    end: { target: `/${TWICE}/signature-3`, status: 404, number: 3, repository: REPOSITORY },
    unsigned: {
      target: UNSIGNED,
      status: 404,
      number: 1,
      repository: 'team/nothing',
      reason: 'elsewhere',
    },
  };
  for (const [outcome, { target, status, ...place }] of Object.entries(outcomes)) {
    it(`has exactly the stable members: ${outcome}`, async () => {
      const { time, bytes, ...rest } = { time: '', bytes: 0, ...(await log('GET', target)) };
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(bytes, server().files.get(target.slice(1))?.length ?? 0);
      const asked = { client: '127.0.0.1', method: 'GET', path: target, status, outcome };
      assert.deepEqual(rest, { ...asked, ...place, digest: `sha256:${HEX}` });
    });
  }
  it('has no place for what is no location', async () => {
    assert.deepEqual(
      { ...(await log('GET', '/"\\%00')), time: '' },
      {
        time: '',
        client: '127.0.0.1',
        method: 'GET',
        path: '/"\\%00',
        status: 404,
        bytes: 0,
        outcome: 'unknown',
        repository: null,
        digest: null,
        number: null,
      },
    );
  });
  it('says what a client asked for, as it was sent and as it was read', async () => {
    const target = `//${REPOSITORY}%40sha256=${HEX}/signature-9?token=a"b`;
    const line = await log('HEAD', target);
    assert.deepEqual(
      { ...line, time: '' },
      {
        time: '',
        client: '127.0.0.1',
        method: 'HEAD',
        path: target,
        status: 404,
        bytes: 0,
        outcome: 'end',
        repository: REPOSITORY,
        digest: `sha256:${HEX}`,
        number: 9,
      },
    );
  });
  it('carries no character that a terminal obeys', async () => {
    const line = await log('GET', `/a%C2%9B2J%E2%80%A8%E2%80%AEb@sha256=${HEX}/signature-1`);
    assert.equal('repository' in line && line.repository, 'a\u009b2J\u2028\u202eb');
  });
});

describe('no access log', () => {
  it('writes nothing', async () => {
    const sink = captureLines();
    const server = await startExample({ accessLog: 'none', accessLogSink: sink });
    await sendRaw(server.url, formatRequest('GET', FIRST));
    await server.stop();
    assert.equal(sink.text(), '');
  });
});
