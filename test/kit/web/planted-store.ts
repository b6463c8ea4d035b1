/** A store that is right, but for what a test plants in it. */
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsFiles } from '../../../server/listen/listener.ts';

/** Answers in place of the store; `right` answers as it should be. */
export type Plant = (request: IncomingMessage, response: ServerResponse, right: () => void) => void;

export interface PlantedTls extends TlsFiles {
  readonly maxVersion?: 'TLSv1.2';
  readonly ciphers?: string;
}

export interface PlantedStoreOptions {
  /** Bytes by location, without a slash before it. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  readonly plant?: Plant;
  /** With a certificate it speaks TLS. */
  readonly tls?: PlantedTls;
  readonly host?: string;
  /** Any that is free unless told. */
  readonly port?: number;
}

export interface PlantedStore {
  /** `http://127.0.0.1:PORT`, or with https. */
  readonly baseUrl: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export async function startPlantedStore(options: PlantedStoreOptions = {}): Promise<PlantedStore> {
  const { files = new Map(), plant, tls, host = '127.0.0.1', port = 0 } = options;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const right = (): void => answerRight(files, request, response);
    if (plant) plant(request, response, right);
    else right();
  };
  const server = tls
    ? createSecureServer({ ...tls, cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) }, answer)
    : createServer(answer);
  server.keepAliveTimeout = 0;
  server.listen(port, host);
  await once(server, 'listening');
  // A TCP server has an address of this form.
  const bound = (server.address() as AddressInfo).port;
  return {
    baseUrl: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answerRight(
  files: ReadonlyMap<string, Uint8Array>,
  { url = '', method }: IncomingMessage,
  response: ServerResponse,
): void {
  const [path = ''] = url.split('?');
  const bytes = files.get(decodeURIComponent(path).replace(/^\/+/, '').replaceAll(/\/+/g, '/'));
  response.writeHead(bytes ? 200 : 404, { 'Content-Length': bytes?.length ?? 0 });
  response.end(method === 'HEAD' ? undefined : bytes);
}
