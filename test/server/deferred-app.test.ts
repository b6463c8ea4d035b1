import assert from 'node:assert/strict';
import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { DeferredApp } from '../../server/deferred-app.ts';
import { createGate } from '../kit/server/gate.ts';

const answer: RequestListener = (_request, response) => void response.end('loaded');

describe('server: an app that is loaded when it is needed', () => {
  let server: Server;
  let errors: unknown[];
  beforeEach(() => (errors = []));
  afterEach('stop', () => server.close());

  const start = async (load: () => Promise<RequestListener>): Promise<DeferredApp> => {
    const handler = new DeferredApp(load, (error) => errors.push(error));
    server = createServer(handler.handle).listen(0, '127.0.0.1');
    await new Promise((resolve) => void server.once('listening', resolve));
    return handler;
  };
  const ask = async (): Promise<Response> => {
    const { port } = server.address() as AddressInfo;
    return fetch(`http://127.0.0.1:${port}/`);
  };

  it('is loaded once, and requests wait for it', async () => {
    const gate = createGate();
    let loads = 0;
    const handler = await start(async () => {
      loads++;
      await gate.wait();
      return answer;
    });
    const asked = [ask(), ask(), handler.load()] as const;
    await setImmediate();
    gate.open();
    const [one, other] = await Promise.all(asked);
    assert.deepEqual([await one.text(), await other.text()], ['loaded', 'loaded']);
    assert.equal(await (await ask()).text(), 'loaded');
    assert.deepEqual([loads, errors], [1, []]);
  });

  it('answers 503 when that fails, says so, and is tried again by the next request', async () => {
    const fault = new Error('no such module');
    let loads = 0;
    await start(async () => {
      if (++loads === 1) throw fault;
      return answer;
    });
    const failed = await ask();
    assert.deepEqual(
      [failed.status, failed.headers.get('Retry-After'), await failed.text()],
      [503, '5', ''],
    );
    assert.deepEqual(errors, [fault]);
    assert.equal(await (await ask()).text(), 'loaded');
    assert.deepEqual([loads, errors.length], [2, 1]);
  });

  it('harms nobody when it is loaded ahead and fails', async () => {
    let loads = 0;
    const handler = await start(async () => {
      if (++loads === 1) throw new Error('no such module');
      return answer;
    });
    await handler.load();
    assert.equal(errors.length, 1);
    assert.equal(await (await ask()).text(), 'loaded');
  });
});
