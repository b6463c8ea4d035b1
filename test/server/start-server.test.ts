import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createSimplePolicy } from '../../generator/policy/policy.ts';
import { hasCode } from '../../generator/terms/errors.ts';
import { ListenError } from '../../server/listen/listeners.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process/free-port.ts';
import { type ExampleServer, TWICE, startExample } from '../kit/server/example-server.ts';
import { at } from '../kit/server/fake-judge.ts';
import { type MemorySource, createMemorySource } from '../kit/server/memory-source.ts';
import { ask } from '../kit/web/raw-http.ts';

const FIRST = `/${TWICE}/signature-1`;
const SECOND = `/${TWICE}/signature-2`;

function memorySource(): MemorySource {
  return createMemorySource({ commit: 'a', files: {} });
}

/** Whether it is told which of the listeners cannot have its port. */
function failsAs(listener: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof ListenError &&
    error.listener === listener &&
    hasCode(error.cause, 'EADDRINUSE');
}

describe('the server', () => {
  let server: ExampleServer | undefined;
  afterEach('stop', async () => {
    await server?.stop();
    server = undefined;
  });
  it('follows a directory while it serves', async () => {
    server = await startExample();
    const { url, directory } = server;
    const second = await ask(url, 'GET', SECOND);
    await rm(join(directory, FIRST));
    await eventually(async () => {
      const answer = await ask(url, 'GET', FIRST);
      assert.deepEqual([answer.status, answer.body], [200, second.body]);
    });
    // Until no cache can hold the old one.
    assert.equal((await ask(url, 'GET', SECOND)).body, second.body);
    await writeFile(join(directory, FIRST), '<html>');
    await writeFile(join(directory, TWICE, 'signature-3'), second.body, 'latin1');
    await eventually(() => assert.match(server?.programLog.text() ?? '', /"code":"html"/));
    assert.equal((await ask(url, 'GET', FIRST)).body, second.body);
  });

  it('polls, until it stops', async () => {
    const source = memorySource();
    server = await startExample({ source, poll: 20 });
    await eventually(() => assert.ok(source.count.refreshes > 3, 'not yet'));
    await server.stop();
    const { refreshes } = source.count;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(source.count.refreshes, refreshes);
    server = undefined;
  });

  it('does not poll when told not to', async () => {
    const source = memorySource();
    server = await startExample({ source, poll: 0 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(source.count.refreshes, 1);
  });

  it('says once that it serves, and where', async () => {
    const policy = await createSimplePolicy(undefined);
    const said: [string, number, string | null][] = [];
    const source = memorySource();
    server = await startExample({
      source,
      onServing: (url, store, { commit }) => void said.push([url, store.signatures, commit]),
    });
    await eventually(() => assert.equal(said.length, 1));
    source.state = { commit: 'b', files: { [at(1)]: 'no signature' } };
    server.reload({ policy });
    server.judgeAnew();
    await eventually(() => assert.ok(source.kept.includes('b'), 'not yet'));
    assert.deepEqual(said, [[server.url, 0, 'a']]);
  });

  it('takes new webhook secrets into use', async () => {
    server = await startExample();
    const { url } = server;
    assert.equal((await fetch(`${url}/webhook`, { method: 'POST' })).status, 404);
    server.reload({ webhookSecrets: ['x'] });
    assert.equal((await fetch(`${url}/webhook`, { method: 'POST' })).status, 401);
  });

  it('leaves nothing behind when a port is in use', async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const address = busy.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { port } = address;
    const statusPort = await freePort();
    const source = memorySource();
    const statusListen = { host: '127.0.0.1', port: statusPort };
    const inUse = { host: '127.0.0.1', port };
    await assert.rejects(startExample({ source, listen: inUse, statusListen }), failsAs('store'));
    await assert.rejects(startExample({ source, statusListen: inUse }), failsAs('status'));
    assert.equal(source.count.refreshes, 0);
    server = await startExample({ source, statusListen });
    assert.equal(server.statusUrl, `http://127.0.0.1:${statusPort}`);
    busy.close();
  });
});
