// Which addresses of a name are peers: all but those at which this server itself takes connections.
import { isIPv4 } from 'node:net';
import { toPlainAddress } from '../../listen/client-address.ts';
import type { ListenPlace } from '../../listen/bound-addresses.ts';

export interface ChosenPeers {
  /** Addresses, each once. */
  readonly addresses: readonly string[];
  /** How many there were beyond the most. */
  readonly skipped: number;
}

/**
 * Of a name that gives two addresses of this host, one of each family, and as many of IPv4 as of IPv6, each
 * host is there twice, as with a dual-stack Service: then those of IPv4 do.
 */
export function choosePeers(
  found: readonly string[],
  isOwn: (address: string) => boolean,
  most: number,
): ChosenPeers {
  const all = [...new Set(found.map(toPlainAddress))];
  const others = all.filter((address) => !isOwn(address));
  const peers = isEachTwice(all, isOwn) ? others.filter(isIPv4) : others;
  return { addresses: peers.slice(0, most), skipped: Math.max(0, peers.length - most) };
}

function isEachTwice(addresses: readonly string[], isOwn: (address: string) => boolean): boolean {
  const ipv4 = addresses.filter(isIPv4);
  const ipv6 = addresses.filter((address) => !isIPv4(address));
  return ipv4.length === ipv6.length && ipv4.some(isOwn) && ipv6.some(isOwn);
}

/**
 * Whether an address, with this port, is this server. On one host several servers may share a port, each
 * on another address, so it counts where the server listens; where it listens on all addresses, `ofHost`
 * are those of the host.
 */
export function isOwnAddress(
  address: string,
  port: number,
  places: readonly ListenPlace[],
  ofHost: () => readonly string[],
): boolean {
  const hosts = places.filter((place) => place.port === port).map(({ host }) => host);
  if (hosts.some((host) => toPlainAddress(host) === address)) return true;
  const isEvery = hosts.some((host) => host === '::' || host === '0.0.0.0');
  return isEvery && (LOOPBACK.test(address) || ofHost().map(toPlainAddress).includes(address));
}

const LOOPBACK = /^(?:127\.|::1$)/;
