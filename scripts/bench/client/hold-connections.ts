import type { Server } from '../process/serve-lookaside.ts';
import { type Asked, askAtRate } from './ask-at-rate.ts';
import { type Connection, openConnection } from './connection.ts';
import type { Lookup } from './lookups.ts';

export interface Held extends Asked {
  /** Connections that were open all at once. */
  readonly held: number;
}

/** Connections that are opened at once; more would overrun the queue of the kernel. */
const BATCH = 200;
/** Addresses of the loopback to connect from, as one has ports for 28,000 connections only. */
const ADDRESSES = 4;

/** Opens many connections, keeps them all, and asks for something on each some times. */
export async function holdConnections(
  server: Server,
  lookups: readonly Lookup[],
  options: { readonly connections: number; readonly times: number; readonly rate: number },
): Promise<Held> {
  const { connections: wanted, times, rate } = options;
  const connections: Connection[] = [];
  try {
    while (connections.length < wanted) {
      const count = Math.min(BATCH, wanted - connections.length);
      const batch = Array.from({ length: count }, async (_, index) =>
        openConnection(server.baseUrl, localAddress(index)),
      );
      const opened = await Promise.all(batch);
      // A server may close a connection on which nothing is asked.
      await askAtRate(opened, lookups, { rate: Infinity, count });
      connections.push(...opened);
    }
    const asked = await askAtRate(connections, lookups, { rate, count: wanted * times });
    return { ...asked, held: connections.length };
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** An address of the loopback for the connection of a number. */
export function localAddress(number: number): string {
  return `127.0.0.${1 + (number % ADDRESSES)}`;
}
