// One post of a delivery to one address. What was proof of its origin goes along, and some forges send
// their secret in clear, so with TLS nothing is sent before the other end has shown who it is.
import { type IncomingHttpHeaders, request } from 'node:http';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type Socket, connect, isIP } from 'node:net';
import { type TLSSocket, connect as connectSecure } from 'node:tls';
import { type KeptDelivery, RELAYED_HEADER } from '../webhook/kept-delivery.ts';

export interface PeerPlace {
  /** The name that gave the address: it stands in `Host`, and the certificate must be of it. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Our own certificate (PEM), whose holder is a peer whatever its name; undefined without TLS. */
  readonly certificate: Uint8Array | undefined;
}

/** Those of one connection (RFC 9110, 7.6.1), and those that are made anew. */
const NOT_RELAYED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
]);

/** Gives the status of the answer. Rejects if there is none, or once the signal is aborted. */
export async function postDelivery(
  place: PeerPlace,
  delivery: KeptDelivery,
  signal: AbortSignal,
): Promise<number> {
  const socket = await open(place, signal);
  try {
    return await postOver(socket, place, delivery, signal);
  } finally {
    // Whatever else the other end says may be without end.
    socket.destroy();
  }
}

async function postOver(
  socket: Socket,
  place: PeerPlace,
  { bytes, headers }: KeptDelivery,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const posted = request({
      method: 'POST',
      path: '/webhook',
      headers: { ...toRelayed(headers), host: formatHost(place), 'content-length': bytes.length },
      createConnection: () => socket,
      signal,
    });
    posted.once('response', ({ statusCode = 0 }) => resolve(statusCode));
    posted.on('error', reject);
    // An answer of 101 ends the connection, and is neither a response nor an error.
    posted.once('close', () => reject(new Error('it ended the connection without an answer')));
    posted.end(bytes);
  });
}

/** The headers that go along, and the one that marks them. */
function toRelayed(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = headers.connection?.toLowerCase().split(/[\s,]+/) ?? [];
  const kept = Object.entries(headers).filter(
    ([name]) => !NOT_RELAYED.has(name) && !named.includes(name),
  );
  return { ...Object.fromEntries(kept), connection: 'close', [RELAYED_HEADER]: '1' };
}

function formatHost({ name, port }: Pick<PeerPlace, 'name' | 'port'>): string {
  return `${isIP(name) === 6 ? `[${name}]` : withoutRoot(name)}:${port}`;
}

/** The dot at the end keeps a resolver from trying its search domains, and belongs to no certificate. */
function withoutRoot(name: string): string {
  return name.replace(/\.$/, '');
}

async function open(
  { name, address: host, port, certificate }: PeerPlace,
  signal: AbortSignal,
): Promise<Socket> {
  if (certificate === undefined) return connect({ host, port, noDelay: true });
  // It is looked at below, as the certificate that replicas share need not hold the name.
  const servername = isIP(name) === 0 ? withoutRoot(name) : '';
  const socket = connectSecure({ host, port, servername, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect', { signal });
    if (!socket.authorized && !holdsCertificate(socket, certificate)) {
      throw new Error(`its certificate cannot be trusted: ${String(socket.authorizationError)}`);
    }
    return socket;
  } catch (error) {
    socket.destroy();
    throw isOfOpenSsl(error) ? new Error(`no TLS with it: ${error.reason}`) : error;
  }
}

/** Whose message has an address of memory and a line of C in it. */
function isOfOpenSsl(error: unknown): error is Error & { readonly reason: string } {
  return error instanceof Error && 'reason' in error && typeof error.reason === 'string';
}

/** Whether the other end has our own certificate, and so its key. */
function holdsCertificate(socket: TLSSocket, certificate: Uint8Array): boolean {
  const own = new X509Certificate(certificate);
  return socket.getPeerX509Certificate()?.fingerprint256 === own.fingerprint256;
}
