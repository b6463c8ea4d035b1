// Clients that send too much, for tests and measurements: each does one thing without pause until it
// is stopped or the server hangs up.
import { createHmac } from 'node:crypto';
import type { Socket } from 'node:net';
import { open } from './raw-http.ts';

export interface HostileClients {
  /** Bytes that all of them have handed to the system. */
  readonly sent: () => number;
  readonly stop: () => void;
}

/** The head of a delivery; `secret` undefined signs it with a made-up one. */
export function formatDelivery(
  framing: string,
  { body = '', secret = 'made up', event = 'push' } = {},
): string {
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return (
    `POST /webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: ${event}\r\n` +
    `X-Hub-Signature-256: sha256=${signature}\r\n${framing}\r\n\r\n`
  );
}

/** One chunk of a chunked body. */
export function formatChunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/**
 * Bodies of `size` bytes for the webhook, signed without the secret. The last byte is kept back, so
 * that a server that buffers has to hold all of them.
 */
export async function sendBodies(
  url: string,
  { connections, size }: { readonly connections: number; readonly size: number },
): Promise<HostileClients> {
  return sendOnAll(url, connections, formatDelivery(`Content-Length: ${size}`), size - 1);
}

/** The same as chunked bodies: their size is not known before. */
export async function sendChunkedBodies(
  url: string,
  { connections, size }: { readonly connections: number; readonly size: number },
): Promise<HostileClients> {
  const head = formatDelivery('Transfer-Encoding: chunked') + `${size.toString(16)}\r\n`;
  return sendOnAll(url, connections, head, size - 1);
}

async function sendOnAll(
  url: string,
  connections: number,
  head: string,
  size: number,
): Promise<HostileClients> {
  const sockets = await openAll(url, connections);
  const block = Buffer.alloc(64 * 1024, ' ');
  for (const socket of sockets) void writeAll(socket, Buffer.from(head), block, size);
  return toClients(sockets);
}

async function openAll(url: string, connections: number): Promise<readonly Socket[]> {
  const sockets = await Promise.all(Array.from({ length: connections }, async () => open(url)));
  // Answers are read, and thrown away.
  for (const socket of sockets) socket.resume();
  return sockets;
}

async function writeAll(socket: Socket, head: Buffer, block: Buffer, size: number): Promise<void> {
  socket.write(head);
  for (let sent = 0; sent < size && socket.writable; sent += block.length) {
    const piece = block.subarray(0, Math.min(block.length, size - sent));
    if (socket.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        socket.off('drain', go).off('close', go);
        resolve();
      };
      socket.once('drain', go).once('close', go);
    });
  }
}

function toClients(sockets: readonly Socket[]): HostileClients {
  return {
    sent: () => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    stop: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
