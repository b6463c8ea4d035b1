import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
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
 * X-Forwarded-For says if that end is a trusted proxy. If that is not an address, it is the proxy that
 * passed it on.
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
  return (request) => {
    cutForwarded(request);
    return toPlainAddress(
      proxyAddress.all(request, trust).findLast((address) => isIP(address) !== 0),
    );
  };
}

/** Keeps what the last proxies wrote: anybody may have made up what comes before it. */
function cutForwarded({ headers }: IncomingMessage): void {
  const forwarded = headers['x-forwarded-for'];
  if (typeof forwarded !== 'string' || forwarded.length <= MAX_FORWARDED) return;
  const end = forwarded.slice(-MAX_FORWARDED);
  headers['x-forwarded-for'] = end.slice(end.indexOf(',') + 1);
}

/**
 * The address of a socket as it is logged; a socket that is closed has none. IPv4 addresses of a
 * dual-stack socket are written as IPv4.
 */
export function toPlainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=[0-9.]+$)/i, '') ?? '-';
}
