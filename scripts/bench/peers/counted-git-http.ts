import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { runGitBackend } from '../../../test/kit/remote/git-backend.ts';

/** A git host that counts what goes over its connections. */
export interface CountedGitHttp {
  readonly url: string;
  /** Bytes in both directions since this was last asked; all connections are closed then. */
  readonly takeBytes: () => number;
  readonly stop: () => Promise<void>;
}

/** Serves a bare repository over smart HTTP, without encryption. */
export async function serveCountedGit(repository: string): Promise<CountedGitHttp> {
  const open = new Set<Socket>();
  let bytes = 0;
  const count = (socket: Socket): void => {
    if (open.delete(socket)) bytes += socket.bytesRead + socket.bytesWritten;
  };
  const server = createServer((request, response) => {
    runGitBackend(dirname(repository), request, response);
  });
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => count(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/${basename(repository)}`,
    takeBytes: () => {
      for (const socket of open) {
        count(socket);
        socket.destroy();
      }
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
