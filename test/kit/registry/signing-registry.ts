import { once } from 'node:events';
import {
  type IncomingMessage,
  type ServerResponse,
  createServer,
  request as askOther,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A registry that keeps signatures itself, as OpenShift's does. */
export interface SigningRegistry {
  /** `127.0.0.1:PORT`, speaking plain HTTP. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

/** As containers/image asks for it (docker_client.go). */
const SIGNATURES = /^\/extensions\/v2\/(.+)\/signatures\/(sha256:[0-9a-f]{64})$/;

/** Stands in front of a registry, and keeps the signatures that are put. */
export async function startSigningRegistry(behind: string): Promise<SigningRegistry> {
  const kept = new Map<string, unknown[]>();
  const server = createServer((request, response) => {
    response.setHeader('X-Registry-Supports-Signatures', '1');
    const image = SIGNATURES.exec(request.url ?? '');
    if (image) void answer(kept, image[0], request, response);
    else pass(behind, request, response);
  });
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

async function answer(
  kept: Map<string, unknown[]>,
  image: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const signatures = kept.get(image) ?? [];
  kept.set(image, signatures);
  if (request.method === 'PUT') {
    signatures.push(await json(request));
    response.writeHead(201).end();
  } else {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ signatures }));
  }
}

function pass(behind: string, request: IncomingMessage, response: ServerResponse): void {
  const [host, port] = behind.split(':');
  // With our name in `Host`, so that what it answers leads back to us.
  const { method, url, headers } = request;
  const asked = askOther({ host, port, method, path: url, headers }, (answered) => {
    response.writeHead(answered.statusCode ?? 502, answered.headers);
    answered.pipe(response);
  });
  asked.on('error', () => response.destroy());
  request.pipe(asked);
}
