import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { basename, dirname } from 'node:path';
import type { TlsFiles } from '../../../server/listen/listener.ts';
import { runGitBackend } from './git-backend.ts';

export interface GitHttps {
  /** `https://127.0.0.1:PORT/NAME.git`. */
  readonly url: string;
  readonly port: number;
  /** `USER:PASSWORD` of each request that had them. */
  readonly logins: readonly string[];
  readonly stop: () => Promise<void>;
}

/** Serves one bare repository over HTTPS with git's own CGI program; `login` is `USER:PASSWORD`. */
export async function serveGitHttps(
  repository: string,
  tls: TlsFiles,
  login?: string,
): Promise<GitHttps> {
  const logins: string[] = [];
  const server = createServer(
    { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) },
    (request, response) => {
      const [, encoded] = /^Basic (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
      const given = encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
      if (given !== undefined) logins.push(given);
      if (login === undefined || given === login) {
        runGitBackend(dirname(repository), request, response);
      } else {
        response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      }
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}/${basename(repository)}`,
    port,
    logins,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
