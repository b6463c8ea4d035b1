/** A registry that sends other manifests than those that were pushed, as one does that rewrites images. */
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AlteringProxy {
  /** `127.0.0.1:PORT`, speaking plain HTTP. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

/** Stands in front of a registry, and puts a space behind each manifest that is asked for by its tag. */
export async function startAlteringProxy(behind: string): Promise<AlteringProxy> {
  const server = createServer((asked, response) => pass(behind, asked, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function pass(behind: string, asked: IncomingMessage, response: ServerResponse): void {
  const [host, port] = behind.split(':');
  const { method, url = '', headers } = asked;
  const isAltered = method === 'GET' && /\/manifests\/(?!sha256:)/.test(url);
  const passed = request({ host, port, method, path: url, headers }, (answered) => {
    const { statusCode = 502, headers: sent } = answered;
    if (!isAltered || statusCode !== 200) {
      response.writeHead(statusCode, sent);
      answered.pipe(response);
      return;
    }
    const { 'docker-content-digest': _, 'content-length': __, etag: ___, ...others } = sent;
    response.writeHead(statusCode, others);
    answered.pipe(response, { end: false });
    answered.on('end', () => response.end(' '));
  });
  passed.on('error', () => response.destroy());
  asked.pipe(passed);
}
