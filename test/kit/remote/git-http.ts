import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import { freePort } from '../process/free-port.ts';
import { runGitBackend } from './git-backend.ts';

export interface GitHttpOptions {
  /** The password that clients must give by basic authentication, with any user name. */
  readonly token?: string;
  /** Whether the second version of git's protocol is kept from the program, as some proxies do. */
  readonly withoutProtocol?: boolean;
}

export interface GitHttp {
  /** `http://127.0.0.1:PORT/NAME.git`, without credentials. */
  readonly url: string;
  /** The same with the token in it. */
  readonly urlWithToken: string;
  /** `METHOD PATH STATUS` of every answer so far. */
  readonly requests: () => readonly string[];
  /** Answers every request with this status and no body, until told undefined. */
  readonly failWith: (status: number | undefined) => void;
  /** Drops all connections and takes none. */
  readonly down: () => Promise<void>;
  /** Listens again, on the same port. */
  readonly up: () => Promise<void>;
}

/** Serves one bare repository over smart HTTP with git's own CGI program. */
export async function serveGitHttp(
  repository: string,
  { token, withoutProtocol = false }: GitHttpOptions = {},
): Promise<GitHttp> {
  const port = await freePort();
  const requests: string[] = [];
  let failure: number | undefined;
  let server: Server | undefined;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    response.on('finish', () =>
      requests.push(`${request.method} ${request.url} ${response.statusCode}`),
    );
    if (failure !== undefined) {
      response.writeHead(failure).end();
    } else if (token !== undefined && readPassword(request) !== token) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
    } else {
      if (withoutProtocol) delete request.headers['git-protocol'];
      runGitBackend(dirname(repository), request, response);
    }
  }
  async function up(): Promise<void> {
    if (server !== undefined) return;
    server = createServer(answer);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }
  async function down(): Promise<void> {
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    server = undefined;
    await closed;
  }
  await up();

  const name = basename(repository);
  return {
    url: `http://127.0.0.1:${port}/${name}`,
    urlWithToken: `http://git:${token ?? ''}@127.0.0.1:${port}/${name}`,
    requests: () => requests,
    failWith: (status) => {
      failure = status;
    },
    down,
    up,
  };
}

function readPassword({ headers }: IncomingMessage): string | undefined {
  const encoded = /^Basic (?<encoded>.+)$/i.exec(headers.authorization ?? '')?.groups?.['encoded'];
  if (encoded === undefined) return undefined;
  return Buffer.from(encoded, 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
}
