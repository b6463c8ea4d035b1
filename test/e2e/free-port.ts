import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports that the system gives to nobody who asks for any, neither for listening nor for a
 * connection: so that between `freePort` and its use no other test can be given the port.
 */
const FIRST = 15_000;
/** Each of mocha's parallel workers has its own. */
const PER_WORKER = 1000;
const WORKERS = 16;

const worker = Number(process.env['MOCHA_WORKER_ID'] ?? 0) % WORKERS;
let next = Math.floor(Math.random() * PER_WORKER);

/** A TCP port of 127.0.0.1 that nothing listens on. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PER_WORKER; tries++) {
    const port = FIRST + worker * PER_WORKER + (next++ % PER_WORKER);
    if (await isFree(port)) return port;
  }
  throw new Error('no TCP port to be had');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
