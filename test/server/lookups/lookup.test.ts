import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import supertest from 'supertest';
import { createGate } from '../../kit/server/gate.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { ask, headerOf } from '../../kit/web/raw-http.ts';

const HEX = 'ab'.repeat(32);
const EMPTY_404 = ['Content-Length: 0', 'Cache-Control: no-store'];
/** What Node adds to every answer. */
const TRANSPORT = /^(?:Date|Connection|Keep-Alive): /;

/** The headers that are not the transport's. */
function own(headers: readonly string[]): readonly string[] {
  return headers.filter((header) => !TRANSPORT.test(header));
}

describe('a lookup', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample();
  });
  after('stop', async () => server.stop());

  const first = `/${TWICE}/signature-1`;
  const bytesOf = (path: string): Buffer => {
    const bytes = server.files.get(path.replace(/^\//, ''));
    if (bytes === undefined) throw new Error(`${path} is not in the example`);
    return bytes;
  };
  const etagOf = (path: string): string =>
    `"${createHash('sha256').update(bytesOf(path)).digest('base64url')}"`;

  it('gives every file of the repository byte for byte', async () => {
    assert.equal(server.files.size, 7);
    for (const [path, bytes] of server.files) {
      const response = await supertest(server.url).get(`/${path}`).buffer();
      assert.equal(response.status, 200);
      assert.deepEqual(response.body, bytes);
    }
  });

  it('sends exactly these headers with 200', async () => {
    const { status, headers, body } = await ask(server.url, 'GET', first);
    assert.equal(status, 200);
    assert.equal(body, bytesOf(first).toString('latin1'));
    assert.deepEqual(own(headers), [
      'Content-Type: application/octet-stream',
      `Content-Length: ${bytesOf(first).length}`,
      'X-Content-Type-Options: nosniff',
      `ETag: ${etagOf(first)}`,
      'Cache-Control: public, max-age=60, stale-if-error=86400',
    ]);
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const get = await ask(server.url, 'GET', first);
    const head = await ask(server.url, 'HEAD', first);
    assert.deepEqual([head.status, head.body], [200, '']);
    assert.deepEqual(own(head.headers), own(get.headers));
    const missing = await ask(server.url, 'HEAD', `/${TWICE}/signature-3`);
    assert.deepEqual([missing.status, own(missing.headers)], [404, EMPTY_404]);
  });

  it('has another entity tag for other bytes', () => {
    const tags = new Set([...server.files.keys()].map(etagOf));
    assert.equal(tags.size, server.files.size);
  });

  describe('If-None-Match', () => {
    const matching: Record<string, (tag: string) => string> = {
      'the tag': (tag) => tag,
      'the tag as a weak one': (tag) => `W/${tag}`,
      'a list with the tag last': (tag) => `"x", W/"y",${tag}`,
      'a list with odd spaces': (tag) => `  "x" ,\t${tag}  `,
      'a star': () => '*',
      'a long list': (tag) => `${'"x",'.repeat(63)}${tag}`,
    };
    for (const [name, format] of Object.entries(matching)) {
      it(`${name}: 304 without a body`, async () => {
        for (const method of ['GET', 'HEAD']) {
          const tag = etagOf(first);
          const answer = await ask(server.url, method, first, [`If-None-Match: ${format(tag)}`]);
          assert.deepEqual([answer.status, answer.body], [304, '']);
          assert.deepEqual(own(answer.headers), [
            `ETag: ${tag}`,
            'Cache-Control: public, max-age=60, stale-if-error=86400',
          ]);
        }
      });
    }
    const others: Record<string, (tag: string) => string> = {
      'another tag': () => '"x"',
      'the tag without quotes': (tag) => tag.slice(1, -1),
      'the tag in lower case': (tag) => tag.toLowerCase(),
      'a lower-case weak mark': (tag) => `w/${tag}`,
      nothing: () => '',
      junk: () => ',,;"',
      'more tags than anybody has': (tag) => `${'"x",'.repeat(64)}${tag}`,
    };
    for (const [name, format] of Object.entries(others)) {
      it(`${name}: 200 with the bytes`, async () => {
        const header = `If-None-Match: ${format(etagOf(first))}`;
        const answer = await ask(server.url, 'GET', first, [header]);
        assert.deepEqual([answer.status, answer.body], [200, bytesOf(first).toString('latin1')]);
      });
    }
    it('does not make a 304 of what is not there', async () => {
      const answer = await ask(server.url, 'GET', `/${TWICE}/signature-3`, ['If-None-Match: *']);
      assert.equal(answer.status, 404);
    });
  });

  const ignored = {
    'Range: bytes=0-0': 'a range',
    'Accept-Encoding: gzip, br, identity;q=0': 'an encoding',
    'Accept: text/html': 'a media type',
    'If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT': 'a date',
    'If-Match: "x"': 'a precondition',
    'Authorization: Basic dTpw': 'credentials of the base URL',
    'X-HTTP-Method-Override: DELETE': 'an overridden method',
    'Upgrade: h2c': 'an upgrade',
  };
  for (const [header, name] of Object.entries(ignored)) {
    it(`ignores ${name}`, async () => {
      const plain = await ask(server.url, 'GET', first);
      const answer = await ask(server.url, 'GET', first, [header]);
      assert.equal(answer.status, 200);
      assert.deepEqual(own(answer.headers), own(plain.headers));
      assert.equal(answer.body, plain.body);
    });
  }

  const notThere = {
    'the number after the last': `/${TWICE}/signature-3`,
    'a far number': `/${TWICE}/signature-999999999`,
    'an image without signatures': `/team/app@sha256=${HEX}/signature-1`,
    'another repository': `/${TWICE.replace('app', 'other')}/signature-1`,
    'the image below a prefix': `/sigs/${TWICE}/signature-1`,
    'a directory': `/${TWICE}`,
    'a directory with a slash': `/${TWICE}/`,
    'a namespace': '/team',
    'a namespace with a slash': '/team/',
    'a prefix of the digest': `/${TWICE.slice(0, -1)}/signature-1`,
    'a file of the repository that is no signature': '/README.md',
    'a key': '/keys/release.asc',
    'the configuration of a git repository': '/.git/config',
    favicon: '/favicon.ico',
    'the webhook without a secret': '/webhook',
    'a status path on this listener': '/metrics',
  };
  for (const [name, path] of Object.entries(notThere)) {
    it(`404, empty and not to be kept: ${name}`, async () => {
      const answer = await ask(server.url, 'GET', path);
      assert.deepEqual([answer.status, answer.body], [404, '']);
      assert.equal(headerOf(answer, 'Content-Length') ?? '0', '0');
      assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
      assert.equal(headerOf(answer, 'Location'), undefined);
    });
  }

  it('sends exactly two headers of its own with 404', async () => {
    const { headers } = await ask(server.url, 'GET', `/${TWICE}/signature-3`);
    assert.deepEqual(own(headers), EMPTY_404);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
    it(`refuses ${method} on any location, and names what is allowed`, async () => {
      for (const path of [first, `/${TWICE}/signature-3`, `/${TWICE}//signature-1?x`]) {
        const answer = await ask(server.url, method, path);
        assert.deepEqual([answer.status, answer.body], [405, '']);
        assert.deepEqual(own(answer.headers), [...EMPTY_404, 'Allow: GET, HEAD, OPTIONS']);
      }
    });
    it(`knows nothing of ${method} elsewhere`, async () => {
      for (const path of ['/webhook', '/team', '/nodes/', `/${TWICE}`]) {
        const answer = await ask(server.url, method, path);
        assert.deepEqual([answer.status, answer.body], [404, '']);
      }
    });
  }
});

describe('before the first generation', () => {
  let server: ExampleServer;
  const gate = createGate();
  before('start', async () => {
    const source = createMemorySource({ commit: 'a', files: {} });
    source.onRefresh = gate.wait;
    server = await startExample({ source });
  });
  after('stop', async () => {
    gate.open();
    await server.stop();
  });

  it('asks to come back for locations', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(server.url, method, `/${TWICE}/signature-1`);
      assert.deepEqual([answer.status, answer.body], [503, '']);
      assert.equal(headerOf(answer, 'Retry-After'), '5');
      assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
    }
  });
  it('answers all else as always', async () => {
    const paths = { '/team': 404, '/signature-1': 404, '/%zz': 404, '/nodes/x': 404 };
    for (const [path, status] of Object.entries(paths)) {
      assert.equal((await ask(server.url, 'GET', path)).status, status);
    }
    assert.equal((await ask(server.url, 'POST', `/${TWICE}/signature-1`)).status, 405);
  });
});
