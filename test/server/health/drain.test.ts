import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { drain } from '../../../server/health/drain.ts';
import { TWICE, startExample } from '../../kit/server/example-server.ts';
import { at } from '../../kit/server/fake-judge.ts';
import { startListener } from '../../kit/server/signature-listener.ts';
import { ask, headerOf, open, parseAnswers } from '../../kit/web/raw-http.ts';

async function readiness(url: string): Promise<number> {
  return (await fetch(`${url}/readyz`)).status;
}

/** Sends a request on a connection that stays open, and gives what becomes of the connection. */
async function connectionAfter(socket: Socket, more = ''): Promise<string | undefined> {
  const answered = once(socket, 'data');
  socket.write(`GET /${at(1)} HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
  const [chunk] = (await answered) as [Buffer];
  const [answer] = parseAnswers(chunk.toString('latin1'), ['GET']);
  assert.deepEqual([answer?.status, answer?.body], [200, 'first']);
  return answer && headerOf(answer, 'Connection');
}

function fail(): never {
  assert.fail('there is nothing to drain');
}

describe('a drain', () => {
  it('turns readiness on both ports, and the page, while lookups go on', async () => {
    const server = await startExample();
    const drained = server.drain(500);
    assert.deepEqual([await readiness(server.url), await readiness(server.statusUrl)], [503, 503]);
    assert.equal(await (await fetch(`${server.url}/readyz`)).text(), 'draining\n');
    const lookUp = async (method: string, path: string) =>
      (await ask(server.url, method, path)).status;
    assert.deepEqual([await lookUp('GET', '/'), await lookUp('OPTIONS', '/')], [503, 503]);
    assert.equal(await lookUp('GET', '/livez'), 200);
    for (const wait of [undefined, drained]) {
      await wait;
      assert.equal(await lookUp('GET', `/${TWICE}/signature-1`), 200);
      assert.equal(await lookUp('GET', `/${TWICE}/signature-3`), 404);
    }
    await server.stop();
  });

  it('lets connections end in its second half only', async () => {
    const steps: string[] = [];
    const begun = drain(
      {
        readiness: { state: 'ready', beginDraining: () => void steps.push('not ready') },
        listener: { retire: () => void steps.push('retire') },
      },
      20,
    );
    assert.deepEqual(steps, ['not ready']);
    await begun;
    assert.deepEqual(steps, ['not ready', 'retire']);
  });

  it('is none for a server that nobody sends pulls to', async () => {
    const listener = { retire: fail };
    for (const state of ['loading', 'draining'] as const) {
      await drain({ readiness: { state, beginDraining: fail }, listener }, 3_600_000);
    }
  });
});

describe('a listener that retires', () => {
  it('ends each connection with its next answer, whoever answers', async () => {
    const listener = await startListener({ isQuick: true });
    const sockets = await Promise.all(Array.from({ length: 3 }, async () => open(listener.url)));
    const [plain, other, silent] = sockets as [Socket, Socket, Socket];
    const ended = Promise.all(sockets.map(async (socket) => once(socket, 'end')));
    for (let times = 0; times < 2; times++) {
      assert.equal(await connectionAfter(plain), 'keep-alive');
      assert.equal(await connectionAfter(other, 'Via: 1.1 proxy\r\n'), 'keep-alive');
    }
    listener.retire();
    assert.equal(await connectionAfter(plain), 'close');
    assert.equal(await connectionAfter(other, 'Via: 1.1 proxy\r\n'), 'close');
    assert.equal(await connectionAfter(silent), 'close');
    const late = await open(listener.url);
    assert.equal(await connectionAfter(late), 'close');
    await ended;
    for (const socket of [...sockets, late]) socket.destroy();
    await listener.stop();
  });
});
