// Over the whole server and real signatures: what is answered before node:http is entered.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { eventually } from '../../kit/eventually.ts';
import type { ServerOptions } from '../../../server/server-options.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { at } from '../../kit/server/fake-judge.ts';
import { createGate } from '../../kit/server/gate.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';
import { open } from '../../kit/web/raw-http.ts';

const AGENT = 'User-Agent: Go-http-client/1.1';

/** The answer to a request on a connection that stays, without its date. */
async function ask(url: string, path: string, more: readonly string[] = []): Promise<string> {
  const socket = await open(url);
  const head = [`GET /${path} HTTP/1.1`, 'Host: store.example', AGENT, ...more];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  let text = '';
  for (;;) {
    const [chunk]: unknown[] = await once(socket, 'data');
    assert.ok(Buffer.isBuffer(chunk));
    text += chunk.toString('latin1');
    const [, length = '0'] = /^Content-Length: (\d+)\r$/m.exec(text) ?? [];
    if (text.length >= text.indexOf('\r\n\r\n') + 4 + Number(length)) break;
  }
  socket.destroy();
  return text.replace(/^Date: .*$/m, 'Date: D');
}

/** The lines of the log since the last call, without what differs from one to the next. */
function linesOf({ accessLog }: ExampleServer): readonly string[] {
  return accessLog.take().map((line) => line.replace(/\[.*?\]|"time":"[^"]*"/, ''));
}

describe('a quick lookup', () => {
  let server: ExampleServer;
  const start = async (options: Partial<ServerOptions> = {}): Promise<void> => {
    server = await startExample(options);
  };
  afterEach('stop', async () => server.stop());

  for (const accessLog of ['combined', 'json'] as const) {
    it(`is to the byte what node:http answers, with the same ${accessLog} line`, async () => {
      await start({ accessLog });
      const paths = [...server.files.keys(), `${TWICE}/signature-3`, `${TWICE}0/signature-1`];
      paths.push(`x/${TWICE}/signature-1`, TWICE);
      for (const path of paths) {
        const quick = await ask(server.url, path);
        const lines = linesOf(server);
        // A header that is not plain.
        assert.equal(quick, await ask(server.url, path, ['X: y']));
        assert.deepEqual(linesOf(server), lines);
        assert.equal(lines.length, 1);
        const bytes = server.files.get(path);
        assert.ok(quick.endsWith(`\r\n\r\n${bytes?.toString('latin1') ?? ''}`));
        assert.match(quick, bytes ? /^HTTP\/1\.1 200 OK\r\n/ : /^HTTP\/1\.1 404 Not Found\r\n/);
        assert.match(quick, /\r\nDate: D\r\nConnection: keep-alive\r\nKeep-Alive: timeout=65\r\n/);
      }
    });
  }

  it('is answered from the newest generation, and waits for the first', async () => {
    const source = createMemorySource({ commit: 'a', files: {} });
    const gate = createGate();
    source.onRefresh = gate.wait;
    await start({ source, cacheMissing: 5000 });
    assert.match(await ask(server.url, at(1)), /^HTTP\/1\.1 503 [^]*Retry-After: 5\r\n/);
    assert.match(await ask(server.url, at(1)), /^Cache-Control: no-store\r$/m);
    gate.open();
    await eventually(async () => assert.match(await ask(server.url, at(1)), /^HTTP\/1\.1 404 /));
  });

  for (const [how, more] of [
    ['before node:http', []],
    ['behind it', ['X-Other: 1']],
  ] as const) {
    it(`lets caches keep the 404 of a location as long as is said, ${how}, and no other`, async () => {
      await start({ cacheMissing: 5000 });
      const expected = {
        [`${TWICE}/signature-3`]: 'public, max-age=5, stale-if-error=86400',
        [`none/${TWICE}/signature-1`]: 'public, max-age=5, stale-if-error=86400',
        [`${TWICE}/signature-1`]: 'public, max-age=60, stale-if-error=86400',
        [TWICE]: 'no-store',
        'favicon.ico': 'no-store',
      };
      for (const [path, caching] of Object.entries(expected)) {
        const answer = await ask(server.url, path, more);
        assert.equal(/^Cache-Control: (.*)\r$/m.exec(answer)?.[1], caching, path);
      }
    });
  }

  it('knows the client of a trusted proxy, and the proxy by its own address', async () => {
    await start({ trustedProxies: ['loopback'] });
    await ask(server.url, `${TWICE}/signature-1`, ['X-Forwarded-For: 192.0.2.1']);
    await ask(server.url, `${TWICE}/signature-1`);
    const clients = linesOf(server).map((line) => line.split(' ')[0]);
    assert.deepEqual(clients, ['192.0.2.1', '127.0.0.1']);
  });
});
