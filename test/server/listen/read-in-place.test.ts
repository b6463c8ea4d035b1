import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { InPlaceReader } from '../../../server/listen/read-in-place.ts';
import { open } from '../../kit/web/raw-http.ts';

describe('reading in place', () => {
  let server: Server;
  let client: Socket;
  let accepted: Socket;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    [client, accepted] = await connectPair();
  });
  afterEach(async () => {
    accepted.destroy();
    client.destroy();
    server.close();
    await once(server, 'close');
  });

  async function connectPair(): Promise<[Socket, Socket]> {
    const { port } = server.address() as AddressInfo;
    const [end, [other]] = await Promise.all([
      open(`http://127.0.0.1:${port}`),
      once(server, 'connection') as Promise<[Socket]>,
    ]);
    return [end, other];
  }

  it('gives all chunks of all sockets the same memory', async () => {
    const reader = new InPlaceReader();
    const chunks: Buffer[] = [];
    const keep = (chunk: Buffer): void => void chunks.push(chunk);
    reader.read(accepted, keep);
    assert.equal(String(await send(client, 'first', chunks)), 'first');
    assert.equal(String(await send(client, 'again', chunks)), 'again');
    const [secondClient, second] = await connectPair();
    reader.read(second, keep);
    assert.equal(String(await send(secondClient, 'second', chunks)), 'second');
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, 1);
    second.destroy();
    secondClient.destroy();
  });

  it('makes a socket a stream as any other when it is told, losing nothing', async () => {
    const inPlace: Buffer[] = [];
    const streamed: Buffer[] = [];
    const stop = new InPlaceReader().read(accepted, (chunk) => inPlace.push(chunk));
    await send(client, 'before', inPlace);
    stop();
    accepted.on('data', (chunk: Buffer) => streamed.push(chunk));
    await send(client, 'behind', streamed);
    await send(client, 'at last', streamed);
    assert.equal(inPlace.length, 1);
    assert.equal(Buffer.concat(streamed).toString(), 'behindat last');
    assert.ok(streamed.every(({ buffer }) => buffer !== inPlace[0]?.buffer));
  });

  it('stops reading what nobody takes from such a stream, and goes on when somebody does', async () => {
    const inPlace: Buffer[] = [];
    const stop = new InPlaceReader().read(accepted, (chunk) => inPlace.push(chunk));
    await send(client, 'before', inPlace);
    stop();
    const length = 16 * 1024 * 1024;
    client.write(Buffer.alloc(length, 'a'));
    let seen = 0;
    while (accepted.bytesRead > seen) {
      seen = accepted.bytesRead;
      await sleep(50);
    }
    assert.ok(accepted.bytesRead < length / 4, `${accepted.bytesRead} bytes were read`);
    let received = 0;
    for await (const chunk of accepted) {
      received += (chunk as Buffer).length;
      if (received === length) break;
    }
    assert.equal(received, length);
  });

  it('sees the end, and says so', async () => {
    new InPlaceReader().read(accepted, () => undefined);
    const ended = once(accepted, 'end');
    client.end('the last words');
    await ended;
    assert.equal(accepted.bytesRead, 14);
  });
});

/** Sends a text, and settles with what `read` was given when it came. */
async function send(end: Socket, text: string, chunks: readonly Buffer[]): Promise<Buffer> {
  const before = chunks.length;
  end.write(text);
  while (chunks.length === before) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  return chunks[before] ?? Buffer.alloc(0);
}
