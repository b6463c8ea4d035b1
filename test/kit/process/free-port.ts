import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Below them are those of services. */
const LOWEST = 10_000;
/** The first that Linux gives to whoever asks for any, where nobody has set it. */
const DEFAULT_LIMIT = 32_768;
const TRIES = 100;

const given = new Set<number>();

/**
 * A TCP port of 127.0.0.1 that nothing listens on. Until somebody listens there, the system gives it to
 * nobody: it is none of those that a client, or a server that asks for any port, may get.
 */
export async function freePort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const limit = Number.parseInt(range, 10) || DEFAULT_LIMIT;
  if (limit <= LOWEST) throw new Error(`the system gives away all ports from ${limit} on`);
  for (let tried = 0; tried < TRIES; tried++) {
    const port = LOWEST + Math.floor(Math.random() * (limit - LOWEST));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error('no TCP port to be had');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
