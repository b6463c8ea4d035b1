import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from './free-port.ts';

describe('a free port', () => {
  it('is none that the system gives to others, and is given once', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, freePort));
    assert.equal(new Set(ports).size, ports.length);
    const others = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const server = createServer().listen(0, '127.0.0.1');
        await once(server, 'listening');
        const address = server.address();
        server.close();
        return typeof address === 'object' ? address?.port : undefined;
      }),
    );
    const lowest = Math.min(...others.map((port) => port ?? 0));
    assert.ok(Math.max(...ports) < lowest, `${Math.max(...ports)} and ${lowest}`);
  });
});
