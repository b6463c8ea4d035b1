import assert from 'node:assert/strict';
import { type ExampleServer, TWICE, startExample } from '../kit/server/example-server.ts';
import {
  ask,
  formatRequest,
  headerOf,
  open,
  parseAnswers,
  readToEnd,
  sendRaw,
} from '../kit/web/raw-http.ts';

const FIRST = `/${TWICE}/signature-1`;
const [REPOSITORY = '', HEX = ''] = TWICE.split('@sha256=');
const at = (name: string): string => `/${TWICE}/${name}`;

/** A request that keeps the connection. */
function line(method: string, target: string, more = ''): string {
  return `${method} ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
}

describe('the HTTP contract on the wire', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample({ accessLog: 'none' });
  });
  after('stop', async () => server.stop());

  const bytesAt = (path: string): string | undefined => server.files.get(path)?.toString('latin1');
  const body = (): string => bytesAt(`${TWICE}/signature-1`) ?? '';

  const found = {
    'a doubled slash at the start, as with a base URL that ends in one': `/${FIRST}`,
    'doubled slashes anywhere': `///team//app@sha256=${HEX}///signature-1`,
    'encoded @ and =': `/${REPOSITORY}%40sha256%3D${HEX}/signature-1`,
    'lower-case escapes': `/${REPOSITORY}%40sha256%3d${HEX}/signature-1`,
    'needless escapes': `/%74eam/app@sha256=${HEX}/%73ignature-%31`,
    'a query': `${FIRST}?token=abc`,
    'an empty query': `${FIRST}?`,
    'two question marks': `${FIRST}??`,
    'a query that looks like a path': `${FIRST}?/../signature-9`,
    'a query with a malformed escape': `${FIRST}?%zz%00%2f`,
    'the absolute form': `http://store.example${FIRST}`,
    'the absolute form with a doubled slash': `https://store.example:8080/${FIRST}`,
    'the absolute form with a query': `http://store.example${FIRST}?token=abc`,
  };
  for (const [name, target] of Object.entries(found)) {
    it(`finds a signature: ${name}`, async () => {
      const answer = await ask(server.url, 'GET', target);
      assert.deepEqual([answer.status, answer.body], [200, body()]);
    });
  }

  const missing = {
    'encoded twice': `/${REPOSITORY}%2540sha256%253D${HEX}/signature-1`,
    'a malformed escape': at('signature-1%'),
    'an escape cut short': at('signature-1%4'),
    'an escape of no number': `/%zz${FIRST}`,
    'an escaped NUL': at('signature-1%00'),
    'an escape that is not UTF-8': `/%e3${FIRST}`,
    'a digest after a percent sign': `/${REPOSITORY}@sha256%${HEX}/signature-1`,
    'dot dot': `/team/../team/app@sha256=${HEX}/signature-1`,
    'dot dot at the start': `/..${FIRST}`,
    'escaped dot dot': `/team/%2e%2e/team/app@sha256=${HEX}/signature-1`,
    'a dot': `/.${FIRST}`,
    'an escaped slash': `/team%2Fapp@sha256=${HEX}/signature-1`,
    'an escaped slash in lower case': at('signature-1').replace('/signature', '%2fsignature'),
    'an escaped backslash': `/team%5Capp@sha256=${HEX}/signature-1`,
    'a backslash': `/team\\app@sha256=${HEX}/signature-1`,
    'an upper-case digest': FIRST.replace(HEX, HEX.toUpperCase()),
    'an upper-case algorithm': FIRST.replace('sha256', 'SHA256'),
    'an upper-case name': at('SIGNATURE-1'),
    'a colon for the equals sign': FIRST.replace('=', ':'),
    'number 0': at('signature-0'),
    'a leading zero': at('signature-01'),
    'a slash at the end': at('signature-1/'),
    'a negative number': at('signature--1'),
    'a positive number': at('signature-+1'),
    'an exponent': at('signature-1e0'),
    'a fraction': at('signature-1.0'),
    'a hexadecimal number': at('signature-0x1'),
    'no number': at('signature-'),
    'too many digits': at('signature-10000000000000000000001'),
    'Arabic digits': at('signature-%D9%A1'),
    'full-width digits': at('signature-%EF%BC%91'),
    'a newline at the end': at('signature-1%0A'),
    'a space at the end': at('signature-1%20'),
    'an escaped question mark': at('signature-1%3Fx'),
    'an escaped fragment': at('signature-1%23x'),
    'a fragment, which no client sends': at('signature-1#x'),
    'a long URL': `/${'a'.repeat(12_000)}${FIRST}`,
    'a digest of another length': FIRST.replace(HEX, HEX.slice(2)),
    'raw bytes beyond ASCII': `/\xc3\xbc${FIRST}`,
    'a raw NUL': `${FIRST}\0`,
    'a raw control character': `/a\x01b${FIRST}`,
    'no leading slash': FIRST.slice(1),
    'a fragment after a doubled slash': '//team#x',
    'a fragment that would be a host': '//team@store/#',
    'a fragment of the page': '/#x',
    'a path that is not there on a broken host': 'http://[/team',
    'another scheme': `ftp://store.example${FIRST}`,
    'a star': '*',
  };
  for (const [name, target] of Object.entries(missing)) {
    it(`404, empty and not to be kept: ${name}`, async () => {
      const answer = await ask(server.url, 'GET', target);
      assert.deepEqual([answer.status, answer.body], [404, '']);
      assert.equal(headerOf(answer, 'Content-Length') ?? '0', '0');
      assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
    });
  }

  it('answers what is no HTTP with 4xx, and goes on', async () => {
    const broken: Record<string, number> = {
      [`GET ${FIRST} HTTP/1.1\r\n\r\n`]: 400,
      [`GET /a b${FIRST} HTTP/1.1\r\nHost: x\r\n\r\n`]: 400,
      [`FETCH ${FIRST} HTTP/1.1\r\nHost: x\r\n\r\n`]: 400,
      [`GET ${FIRST} HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n`]: 400,
      [`GET ${FIRST} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`]: 400,
      [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`]: 431,
      '\x16\x03\x01\x02\0\x01\0\x01\xfc': 400,
    };
    for (const [request, status] of Object.entries(broken)) {
      const [answer, ...more] = parseAnswers(await sendRaw(server.url, request), []);
      assert.deepEqual([answer?.status, answer?.body, more], [status, '', []], request);
    }
    assert.equal((await ask(server.url, 'GET', FIRST)).status, 200);
  });

  it('opens no tunnel', async () => {
    assert.equal(await sendRaw(server.url, formatRequest('CONNECT', 'store.example:80')), '');
    assert.equal(await sendRaw(server.url, formatRequest('CONNECT', FIRST)), '');
  });

  it('serves HTTP/1.0, with or without a host, and closes', async () => {
    const request = `GET ${FIRST} HTTP/1.0\r\n\r\n`;
    const [answer] = parseAnswers(await sendRaw(server.url, request), ['GET']);
    assert.ok(answer);
    assert.deepEqual([answer.status, answer.body], [200, body()]);
    assert.equal(headerOf(answer, 'Connection'), 'close');
  });

  it('answers pipelined requests in order on one connection, also after 404, 405 and 304', async () => {
    const socket = await open(server.url);
    const all = readToEnd(socket);
    socket.write(
      line('GET', FIRST) +
        line('GET', at('signature-3')) +
        `${line('PUT', FIRST, 'Content-Length: 5\r\n')}GET /` +
        line('HEAD', FIRST) +
        line('GET', FIRST, 'If-None-Match: *\r\n') +
        line('GET', '/%zz') +
        line('GET', FIRST, 'Content-Length: 3\r\n') +
        `abc${line('GET', at('signature-2'), 'Connection: close\r\n')}`,
    );
    const methods = ['GET', 'GET', 'PUT', 'HEAD', 'GET', 'GET', 'GET', 'GET'];
    const answers = parseAnswers(await all, methods);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 404, 405, 200, 304, 404, 200, 200],
    );
    assert.equal(answers.at(-1)?.body, bytesAt(`${TWICE}/signature-2`));
    assert.ok(
      answers.slice(0, -1).every((answer) => headerOf(answer, 'Connection') === 'keep-alive'),
    );
    socket.destroy();
  });

  it('does not ask a client that expects 100 for a body that nobody reads', async () => {
    const socket = await open(server.url);
    socket.write(formatRequest('GET', FIRST, ['Expect: 100-continue', 'Content-Length: 1']));
    const answers = parseAnswers(await readToEnd(socket), ['GET']);
    assert.deepEqual(
      answers.map((answer) => [answer.status, answer.body]),
      [[200, body()]],
    );
    socket.destroy();
  });

  it('takes no notice of other expectations', async () => {
    const answer = await ask(server.url, 'GET', FIRST, ['Expect: something']);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, bytesAt(FIRST.slice(1)));
  });

  it('never redirects, forbids or speaks HTML, whatever the path ends in', async () => {
    const endings = [
      '',
      '/',
      '/.',
      '/..',
      '/index.html',
      '.git',
      ';a=b',
      '//',
      '/*',
      '/~',
      '?',
      '#',
    ];
    for (const start of ['/team', `/${TWICE}`, FIRST, '/webhook', '/.well-known', '/static']) {
      for (const ending of endings) {
        const answer = await ask(server.url, 'GET', `${start}${ending}`);
        assert.ok([200, 404].includes(answer.status), `${start}${ending}: ${answer.status}`);
        if (answer.status === 404) assert.equal(answer.body, '');
        assert.equal(headerOf(answer, 'Location'), undefined);
        assert.doesNotMatch(headerOf(answer, 'Content-Type') ?? '', /html/);
      }
    }
  });
});
