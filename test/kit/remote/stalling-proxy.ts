import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { freePort } from '../process/free-port.ts';

export interface StallingProxy {
  /** The URL that it stands before, with the proxy's port. */
  readonly url: string;
  /** Settles when the first answer has stalled. */
  readonly stalled: Promise<unknown>;
  /** Lets nothing more through. */
  readonly stall: () => void;
  /** Stalls no more. */
  readonly release: () => void;
  readonly stop: () => Promise<void>;
}

/** Stands before a server of 127.0.0.1 and lets `limit` bytes of answers through, then no more. */
export async function stallAfter(limit: number, target: string): Promise<StallingProxy> {
  const url = new URL(target);
  const targetPort = Number(url.port);
  const port = await freePort();
  const sockets = new Set<Socket>();
  let [passed, released, most] = [0, false, limit];
  const events = new EventEmitter();
  const stalled = once(events, 'stalled');
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket.on('error', () => undefined));
      socket.once('close', () => sockets.delete(socket));
    }
    // A server that closes what it takes for idle does not end the stall.
    client.pipe(upstream).once('close', () => {
      if (released || passed <= most) client.destroy();
    });
    client.once('close', () => upstream.destroy());
    upstream.on('data', (part: Buffer) => {
      passed += part.length;
      if (released || passed <= most) client.write(part);
      else events.emit('stalled');
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  url.port = String(port);
  return {
    url: url.href,
    stalled,
    stall: () => {
      most = 0;
    },
    release: () => {
      released = true;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
