// Connections to one address of a store, as Go makes them: no ALPN, so HTTP/1.1 only, and the TLS of
// crypto/tls.
import { Agent } from 'node:http';
import { type Socket, connect as connectPlain, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What nodes can ask for. */
export const WEB_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
/** Connections at once. */
export const MOST_CONNECTIONS = 4;

/** What Go's crypto/tls offers beside TLS 1.3 (cipher_suites.go); no DHE, no RSA key exchange. */
export const GO_TLS = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    ...['ECDSA', 'RSA'].map(
      (key) =>
        `ECDHE-${key}-AES128-GCM-SHA256:ECDHE-${key}-AES256-GCM-SHA384:ECDHE-${key}-CHACHA20-POLY1305:ECDHE-${key}-AES128-SHA:ECDHE-${key}-AES256-SHA`,
    ),
  ].join(':'),
} as const;

/** The port of a web address. */
export function portOf({ port, protocol }: URL): number {
  return port === '' ? (WEB_PORTS[protocol] ?? 0) : Number(port);
}

/** The name that a client sends so that the server can choose a certificate; none for an address. */
export function serverName(name: string): { readonly servername?: string } {
  return isIP(name) === 0 ? { servername: name } : {};
}

interface AddressAgentOptions {
  readonly isTls: boolean;
  readonly name: string;
  readonly to: string;
  readonly port: number;
}

/** How far a connection has come. */
type Phase = 'connect' | 'tls' | 'open';

/** Keeps connections to one address, whatever the name. Certificates are judged elsewhere. */
export class AddressAgent extends Agent {
  readonly #to: AddressAgentOptions;
  readonly #phases = new WeakMap<Socket, Phase>();
  readonly #used = new WeakSet<Socket>();

  constructor(to: AddressAgentOptions) {
    super({ keepAlive: true, maxSockets: MOST_CONNECTIONS });
    this.#to = to;
  }

  override createConnection(): Socket {
    const { isTls, name, to, port } = this.#to;
    const socket = isTls
      ? connectTls({ host: to, port, ...serverName(name), ...GO_TLS, rejectUnauthorized: false })
      : connectPlain({ host: to, port });
    this.#phases.set(socket, 'connect');
    socket.once('connect', () => this.#phases.set(socket, isTls ? 'tls' : 'open'));
    socket.once('secureConnect', () => this.#phases.set(socket, 'open'));
    return socket;
  }

  phaseOf(socket: Socket): Phase {
    return this.#phases.get(socket) ?? 'connect';
  }

  /** Notes that a connection is used; gives whether it was before. Node does not always tell. */
  use(socket: Socket): boolean {
    const wasUsed = this.#used.has(socket);
    this.#used.add(socket);
    return wasUsed;
  }
}
