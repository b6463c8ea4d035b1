import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, createServer } from 'node:net';
import { createAnswerWriter } from '../../../server/listen/answer-writer.ts';
import { open, readToEnd } from '../raw-http.ts';

const BODY = 16 * 1024;

describe('writing an answer', () => {
  it('leaves alone what another client has not read yet', async () => {
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const url = `http://127.0.0.1:${address.port}`;
    const clients: Socket[] = [];
    for (let count = 1; count <= 2; count++) {
      const connected = once(server, 'connection');
      clients.push(await open(url));
      await connected;
    }
    const [slow, quick] = accepted;
    const [reading, other] = clients;
    assert.ok(slow && quick && reading && other);
    const write = createAnswerWriter();
    let written = 0;
    while (slow.writableLength === 0) {
      write(slow, 'head:', Buffer.alloc(BODY, 'a'));
      written++;
    }
    write(quick, 'HEAD:', Buffer.alloc(BODY, 'b'));
    slow.end();
    quick.end();
    assert.equal(await readToEnd(other), `HEAD:${'b'.repeat(BODY)}`);
    assert.ok((await readToEnd(reading)) === `head:${'a'.repeat(BODY)}`.repeat(written));
    for (const socket of [...accepted, ...clients]) socket.destroy();
    server.close();
  });
});
