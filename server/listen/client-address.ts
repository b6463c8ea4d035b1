import type { IncomingMessage } from 'node:http';
import { SocketAddress, isIP } from 'node:net';
import proxyAddress from 'proxy-addr';
import { messageOf } from '../../generator/terms/errors.ts';

/**
 * How much of the end of X-Forwarded-For is read, in characters: enough for twenty proxies. Each address
 * is compared with all ranges.
 */
const MAX_FORWARDED = 1024;

/** A range of trusted proxies does not parse. */
export class TrustedProxiesError extends Error {
  override readonly name = 'TrustedProxiesError';
  readonly hint = 'use an address, a range like 10.0.0.0/8, or loopback, linklocal, uniquelocal';
}

/**
 * Gives the function that tells who asked: the other end of the connection, or what
 * X-Forwarded-For says if that end is a trusted proxy. Where a proxy passed on something that is no
 * address, such as `unknown`, it is that proxy.
 * @throws TrustedProxiesError
 */
export function createClientAddress(
  trustedProxies: readonly string[],
): (request: IncomingMessage) => string {
  if (trustedProxies.length === 0) return (request) => toPlainAddress(request.socket.remoteAddress);
  let trust: ReturnType<typeof proxyAddress.compile>;
  try {
    trust = proxyAddress.compile([...trustedProxies]);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new TrustedProxiesError(`trusted proxies: ${reason}`, { cause });
  }
  return ({ socket, headers }) => {
    let client = toPlainAddress(socket.remoteAddress);
    let hops = 0;
    // The last one was written by the proxy that is nearest to us.
    for (const entry of listForwarded(headers['x-forwarded-for']).toReversed()) {
      if (!trust(client, hops++)) break;
      const before = readForwarded(entry);
      if (before === undefined) break;
      client = before;
    }
    return client;
  };
}

/** What the last proxies wrote: anybody may have made up what comes before it. */
function listForwarded(header: string | readonly string[] | undefined): readonly string[] {
  let forwarded = String(header ?? '');
  if (forwarded.length > MAX_FORWARDED) {
    forwarded = forwarded.slice(-MAX_FORWARDED);
    forwarded = forwarded.slice(forwarded.indexOf(',') + 1);
  }
  return forwarded
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, each but the second also with a port behind it. */
const FORWARDED =
  /^(?:(?<ipv4>[0-9.]+)(?::[0-9]{1,5})?|\[(?<bracketed>[^\]]+)\](?::[0-9]{1,5})?|(?<bare>[0-9a-f:.]+))$/i;

/** The address in the form in which those of sockets are written; undefined if there is none. */
function readForwarded(entry: string): string | undefined {
  const { ipv4, bracketed, bare } = FORWARDED.exec(entry)?.groups ?? {};
  const address = ipv4 ?? bracketed ?? bare ?? '';
  const version = isIP(address);
  // A zone means something on the machine of the proxy only.
  if (version === 0 || address.includes('%')) return undefined;
  if (version === 4) return bracketed === undefined ? address : undefined;
  return toPlainAddress(new SocketAddress({ address, family: 'ipv6' }).address);
}

/**
 * The address of a socket as it is logged; a socket that is closed has none. IPv4 addresses of a
 * dual-stack socket are written as IPv4.
 */
export function toPlainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=[0-9.]+$)/i, '') ?? '-';
}
