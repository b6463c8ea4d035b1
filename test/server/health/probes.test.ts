import assert from 'node:assert/strict';
import { Readiness } from '../../../server/health/readiness.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { createGate } from '../../kit/server/gate.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';
import { type RawAnswer, ask, headerOf, parseAnswers, sendRaw } from '../../kit/web/raw-http.ts';

const FIRST = `/${TWICE}/signature-1`;
/** As HAProxy asks with `option httpchk` and nothing else. */
const HAPROXY = 'OPTIONS / HTTP/1.0\r\n\r\n';

/** The status listener answers no other names. */
async function askByAddress(url: string, method: string, path: string): Promise<RawAnswer> {
  const request = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
  const [answer] = parseAnswers(await sendRaw(url, request), [method]);
  assert.ok(answer);
  return answer;
}

async function statusOf(url: string, request: string): Promise<number | undefined> {
  const [method = ''] = request.split(' ');
  return parseAnswers(await sendRaw(url, request), [method])[0]?.status;
}

describe('probes', () => {
  describe('of a server with a state', () => {
    let server: ExampleServer;
    before('start', async () => {
      server = await startExample();
    });
    after('stop', async () => server.stop());

    it('are answered alike on both ports, in a word', async () => {
      for (const url of [server.url, server.statusUrl]) {
        for (const path of ['/livez', '/readyz', '//readyz', '/readyz?verbose']) {
          const answer = await askByAddress(url, 'GET', path);
          assert.deepEqual([answer.status, answer.body], [200, 'ok\n'], `${url}${path}`);
          assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
          assert.match(headerOf(answer, 'Content-Type') ?? '', /^text\/plain/);
        }
        const head = await askByAddress(url, 'HEAD', '/readyz');
        assert.deepEqual([head.status, headerOf(head, 'Content-Length')], [200, '3']);
        const post = await askByAddress(url, 'POST', '/readyz');
        assert.deepEqual([post.status, headerOf(post, 'Allow')], [405, 'GET, HEAD, OPTIONS']);
      }
    });

    it('are no lookups: neither logged nor counted', async () => {
      const probes = ['GET /livez', 'HEAD /readyz', 'OPTIONS /', `OPTIONS ${FIRST}`, 'GET /'];
      for (const probe of probes) await statusOf(server.url, `${probe} HTTP/1.0\r\n\r\n`);
      await ask(server.url, 'GET', FIRST);
      assert.doesNotMatch(server.accessLog.text(), /livez|readyz|OPTIONS|"GET \/ /);
      assert.match(server.accessLog.text(), /signature-1 HTTP\/1\.1" 200/);
      const metrics = await (await fetch(`${server.statusUrl}/metrics`)).text();
      assert.match(metrics, /^lookaside_lookups_total\{outcome="unknown"\} 0$/m);
    });

    it('may ask for the options of any path', async () => {
      const reading = 'GET, HEAD, OPTIONS';
      const allowed = {
        '/': reading,
        '*': reading,
        '/livez': reading,
        '/nodes/policy.json': reading,
        [FIRST]: reading,
        [`/${TWICE}/signature-9`]: reading,
        '/webhook': 'POST, OPTIONS',
      };
      for (const [path, methods] of Object.entries(allowed)) {
        const answer = await ask(server.url, 'OPTIONS', path);
        assert.deepEqual([answer.status, answer.body], [204, ''], path);
        assert.equal(headerOf(answer, 'Allow'), methods, path);
      }
      const refresh = await askByAddress(server.statusUrl, 'OPTIONS', '/refresh');
      assert.deepEqual([refresh.status, headerOf(refresh, 'Allow')], [204, 'POST, OPTIONS']);
    });

    it('may be of HTTP/1.0 without Host, but not of HTTP/1.1', async () => {
      for (const url of [server.url, server.statusUrl]) {
        for (const request of ['GET /readyz', 'GET /', 'HEAD /livez']) {
          assert.equal(await statusOf(url, `${request} HTTP/1.0\r\n\r\n`), 200, request);
          assert.equal(await statusOf(url, `${request} HTTP/1.1\r\n\r\n`), 400, request);
        }
        assert.equal(await statusOf(url, HAPROXY), 204);
      }
      assert.equal(await statusOf(server.url, `GET ${FIRST} HTTP/1.0\r\n\r\n`), 200);
    });
  });

  it('see a server without a state: alive, not ready, also by its page', async () => {
    const gate = createGate();
    const source = createMemorySource({ commit: 'a', files: {} });
    source.onRefresh = gate.wait;
    const server = await startExample({ source });
    for (const url of [server.url, server.statusUrl]) {
      assert.equal((await fetch(`${url}/livez`)).status, 200);
      const ready = await fetch(`${url}/readyz`);
      assert.deepEqual([ready.status, await ready.text()], [503, 'loading\n']);
      assert.equal(ready.headers.get('Retry-After'), '5');
      assert.equal(await statusOf(url, HAPROXY), 503);
      assert.equal(await statusOf(url, 'OPTIONS /livez HTTP/1.0\r\n\r\n'), 204);
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const page = await ask(server.url, method, '/');
      assert.deepEqual([page.status, headerOf(page, 'Retry-After')], [503, '5'], method);
    }
    // What operators read says why.
    assert.equal((await fetch(`${server.statusUrl}/`)).status, 200);
    gate.open();
    await server.stop();
  });
});

describe('readiness', () => {
  it('is of a server with a state that is not about to stop', () => {
    let hasStore = false;
    const readiness = new Readiness(() => hasStore);
    assert.equal(readiness.state, 'loading');
    hasStore = true;
    assert.equal(readiness.state, 'ready');
    readiness.beginDraining();
    assert.equal(readiness.state, 'draining');
  });
});
