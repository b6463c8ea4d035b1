// The addresses on which a server takes connections: a name may stand for several of them, and not every
// host has both IPv4 and IPv6.
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { hasCode } from '../../generator/terms/errors.ts';

export interface ListenPlace {
  /** An address, a name, or empty for all addresses of the host. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

/** Connections that wait to be accepted, as after a restart; the system may allow fewer. */
const BACKLOG = 4096;
/** Whom resolvers ask differs from host to host (RFC 6761, 6.3). */
const LOOPBACK = ['127.0.0.1', '::1'];

export class BoundAddresses {
  readonly #server: Server;
  readonly #onError: (error: NodeJS.ErrnoException) => void;
  /** Sockets of their own for all addresses but the first. */
  readonly #more: Server[] = [];

  /** `server` gets the connections of all addresses; `onError` is told of errors while it listens. */
  constructor(server: Server, onError: (error: NodeJS.ErrnoException) => void) {
    this.#server = server;
    this.#onError = onError;
  }

  /**
   * Listens on every address of the place that this host has; gives where that is, with the host as people
   * would ask for it. Rejects with the system's error, as when a port is in use; then it listens nowhere.
   */
  async open({ host, port }: ListenPlace): Promise<ListenPlace> {
    try {
      const first = await this.#bindAll(await findAddresses(host), port);
      return { host: isEvery(host) ? first.address : host, port: first.port };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Each address and port on which it listens. */
  get places(): readonly ListenPlace[] {
    return [this.#server, ...this.#more].flatMap((server) => {
      const address = server.address();
      if (address === null || typeof address === 'string') return [];
      return [{ host: address.address, port: address.port }];
    });
  }

  /** Takes no more connections; settles when all of them have ended. */
  async close(): Promise<void> {
    const open = [this.#server, ...this.#more].filter((server) => server.listening);
    await Promise.all(
      open.map(async (server) => {
        const closed = once(server, 'close');
        server.close();
        await closed;
      }),
    );
  }

  async #bindAll(addresses: readonly (string | undefined)[], port: number): Promise<AddressInfo> {
    let first: AddressInfo | undefined;
    let missing: unknown;
    for (const host of addresses) {
      const server = first ? this.#addServer() : this.#server;
      try {
        const address = await bind(server, host, first?.port ?? port);
        server.on('error', this.#onError);
        first ??= address;
      } catch (error) {
        if (!hasCode(error, 'EADDRNOTAVAIL', 'EAFNOSUPPORT')) throw error;
        missing ??= error;
      }
    }
    if (!first) throw missing;
    return first;
  }

  /** With the options that node:http sets for its own. */
  #addServer(): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
      this.#server.emit('connection', socket);
    });
    this.#more.push(server);
    return server;
  }
}

function isEvery(host: string): boolean {
  return host === '' || host === '::';
}

/** Undefined stands for all addresses: those of IPv4 alone where there is no IPv6. */
async function findAddresses(host: string): Promise<readonly (string | undefined)[]> {
  if (isEvery(host)) return [undefined];
  if (host.toLowerCase() === 'localhost') return LOOPBACK;
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

async function bind(server: Server, host: string | undefined, port: number): Promise<AddressInfo> {
  server.listen({ port, backlog: BACKLOG, ...(host !== undefined && { host }) });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP port');
  return address;
}
