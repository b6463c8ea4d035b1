/** Clients that send too much, too slowly, or without end. None of them knows the secret. */
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RudeClients {
  /** How many bytes were sent so far. */
  readonly sent: () => number;
  /** The status lines that came back so far. */
  readonly statuses: () => readonly string[];
  /** Settles when all has been sent, or every connection is closed. */
  readonly done: Promise<void>;
  /** Breaks all connections. */
  readonly stop: () => Promise<void>;
}

const BLANK_LINE = '\r\n\r\n';
const PART = Buffer.alloc(64 * 1024, ' ');
const FORGED = `sha256=${'0'.repeat(64)}`;

/** So many bytes of one request after the other on one connection. Answers are read. */
export function pipeline(baseUrl: string, request: string, bytes: number): RudeClients {
  const several = Buffer.from(
    request.repeat(Math.max(1, Math.floor(PART.length / request.length))),
  );
  return sendAll(baseUrl, 1, async (send) => {
    for (let sent = 0; sent < bytes && (await send(several)); sent += several.length);
  });
}

/** Webhook deliveries of a size, by as many connections at once, with a signature that is wrong. */
export function sendForgedBodies(
  baseUrl: string,
  { connections, bytes }: { readonly connections: number; readonly bytes: number },
): RudeClients {
  return sendAll(baseUrl, connections, async (send) => {
    if (!(await send(Buffer.from(formatHead(bytes))))) return;
    for (let left = bytes; left > 0; left -= PART.length) {
      if (!(await send(PART.subarray(0, Math.min(left, PART.length))))) return;
    }
  });
}

/** The same, but each connection sends a byte every so many milliseconds, and never ends. */
export function dripForgedBodies(
  baseUrl: string,
  { connections, every }: { readonly connections: number; readonly every: number },
): RudeClients {
  return sendAll(baseUrl, connections, async (send) => {
    let isTaken = await send(Buffer.from(formatHead(1024 * 1024)));
    while (isTaken) {
      await sleep(every);
      isTaken = await send(PART.subarray(0, 1));
    }
  });
}

/**
 * Lookups on one connection, every other one with `Expect: 100-continue`, all sent at once. Gives
 * the answers as a careful client reads them: `100` for each interim one, otherwise the body.
 */
export async function pipelineExpectations(
  baseUrl: string,
  location: string,
  count: number,
): Promise<readonly (Buffer | 100 | string)[]> {
  const { hostname, port } = new URL(baseUrl);
  const head = `GET /${location} HTTP/1.1\r\nHost: localhost\r\n`;
  const expecting = `${head}Expect: 100-continue\r\nContent-Length: 0\r\n\r\n`;
  const last = `${head}Connection: close\r\n\r\n`;
  const socket = connect(Number(port), hostname);
  socket.end(`${head}\r\n${expecting}`.repeat(count) + last);
  return readAnswers(await buffer(socket));
}

function readAnswers(bytes: Buffer): readonly (Buffer | 100 | string)[] {
  const answers: (Buffer | 100 | string)[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const end = rest.indexOf(BLANK_LINE);
    const text = rest.toString('latin1', 0, end < 0 ? 200 : end);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
    // What is no answer must be a part of a body that did not belong to it.
    if (end < 0 || status === undefined) return [...answers, text];
    const start = end + BLANK_LINE.length;
    const length = Number(/^content-length:\s*(\d+)\s*$/im.exec(text)?.[1] ?? 0);
    const body = rest.subarray(start, start + length);
    answers.push(status === '100' ? 100 : status === '200' ? body : text);
    rest = rest.subarray(start + length);
  }
  return answers;
}

function formatHead(length: number): string {
  return [
    'POST /webhook HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'X-GitHub-Event: push',
    'X-GitHub-Delivery: 00000000-0000-0000-0000-000000000000',
    `X-Hub-Signature-256: ${FORGED}`,
    `Content-Length: ${length}`,
    '',
    '',
  ].join('\r\n');
}

type Send = (bytes: Buffer) => Promise<boolean>;

function sendAll(
  baseUrl: string,
  connections: number,
  talk: (send: Send) => Promise<void>,
): RudeClients {
  const { hostname, port } = new URL(baseUrl);
  let sent = 0;
  const statuses: string[] = [];
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.once('data', (part: Buffer) =>
      statuses.push(part.toString('latin1').split('\r\n')[0] ?? ''),
    );
    // What comes after the first answer is read, too, and thrown away.
    return socket.resume();
  });
  const all = sockets.map((socket) =>
    talk(async (bytes) => {
      const isTaken = await write(socket, bytes);
      if (isTaken) sent += bytes.length;
      return isTaken;
    }),
  );
  return {
    sent: () => sent,
    statuses: () => statuses,
    done: Promise.all(all).then(() => undefined),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(all);
    },
  };
}

/** Waits until bytes are taken; false once the connection is closed. */
async function write(socket: Socket, bytes: Buffer): Promise<boolean> {
  if (socket.destroyed) return false;
  return new Promise((resolve) => {
    const gone = (): void => resolve(false);
    socket.once('close', gone);
    socket.write(bytes, (error) => {
      socket.off('close', gone);
      resolve(!error);
    });
  });
}
