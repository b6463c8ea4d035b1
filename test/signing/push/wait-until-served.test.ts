import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type RequestListener, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { waitUntilServed } from '../../../signing/push/wait-until-served.ts';

const DIRECTORY = `team/app@sha256=${'0'.repeat(64)}`;

async function serve(answer: RequestListener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    store: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function awaited(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    directory: DIRECTORY,
    bytes: Buffer.from(`signature ${index}`),
  }));
}

/** Serves these under their numbers, in this order. */
function serveAll(signatures: readonly { readonly bytes: Uint8Array }[]): RequestListener {
  return ({ url = '' }, response) => {
    const found = signatures[Number(/\d+$/.exec(url)?.[0]) - 1];
    response.writeHead(found ? 200 : 404).end(found?.bytes);
  };
}

describe('the wait for a store', () => {
  it('asks for each number of a directory once, whatever is awaited in it', async () => {
    const all = awaited(5);
    await using host = await serve(serveAll(all.toReversed()));
    await waitUntilServed(all, { store: host.store, timeout: 30_000 });
    assert.equal(host.asked.length, 5, host.asked.join(' '));
  });

  it('says what is not served, when the time is over', async () => {
    const all = awaited(3);
    await using host = await serve(serveAll(all.slice(1)));
    await assert.rejects(waitUntilServed(all, { store: host.store, timeout: 1000 }), {
      name: 'RepositoryError',
      message: `${host.store}: 1 signature is pushed, but not served yet: 404 for ${DIRECTORY}/signature-3`,
    });
  });

  it('ends in time, also where the store does not answer', async () => {
    await using host = await serve(() => undefined);
    const start = performance.now();
    await assert.rejects(waitUntilServed(awaited(1), { store: host.store, timeout: 1000 }), {
      message: /not served yet: no answer in time$/,
    });
    assert.ok(performance.now() - start < 5000, 'not the patience for one answer');
  });

  it('reads no more of an answer than a signature can have', async () => {
    let sent = 0;
    await using host = await serve((_request, response) => {
      const piece = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        while (!response.destroyed && sent < 64) {
          sent++;
          if (!response.write(piece)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    await assert.rejects(waitUntilServed(awaited(1), { store: host.store, timeout: 1000 }), {
      message: /signature-1 is larger than a signature$/,
    });
  });
});
