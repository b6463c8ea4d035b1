// A keep-alive connection in little code and memory: thousands of them are held at once, and what
// the client needs is not the server's.
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { formatRequest } from './request.ts';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Connection {
  /** Sends a request as it is written; one at a time. Rejects when the connection breaks. */
  readonly send: (request: string) => Promise<Answer>;
  /** Asks for a path. */
  readonly ask: (path: string) => Promise<Answer>;
  readonly close: () => void;
}

const BLANK_LINE = '\r\n\r\n';

/** Connects to the host and port of `baseUrl`, from another address of the loopback if told. */
export async function openConnection(
  baseUrl: string,
  localAddress = '127.0.0.1',
): Promise<Connection> {
  const { hostname: host, port, protocol } = new URL(baseUrl);
  const isSecure = protocol === 'https:';
  const tcp = connect({ host, port: Number(port), localAddress, noDelay: true });
  // The certificate is made by the bench, for the bench.
  const socket = isSecure ? connectSecure({ socket: tcp, rejectUnauthorized: false }) : tcp;
  await once(socket, isSecure ? 'secureConnect' : 'connect');
  let received = Buffer.alloc(0);
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.on('data', (part) => {
    received = received.length === 0 ? part : Buffer.concat([received, part]);
    const parsed = parseAnswer(received);
    if (!parsed) return;
    received = received.subarray(parsed.length);
    waiting?.resolve(parsed.answer);
    waiting = undefined;
  });
  socket.on('error', fail);
  socket.once('close', () => fail(new Error('the server closed the connection')));
  const send = async (request: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      if (socket.destroyed) fail(new Error('the connection is closed'));
      else socket.write(request);
    });
  return {
    send,
    ask: async (path) => send(formatRequest(path)),
    close: () => socket.destroy(),
  };
}

/** Reads an answer with a length, and says how many bytes it takes; undefined until it is whole. */
export function parseAnswer(bytes: Buffer): { answer: Answer; length: number } | undefined {
  const end = bytes.indexOf(BLANK_LINE);
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const start = end + BLANK_LINE.length;
  const length = start + Number(/^content-length:\s*(\d+)\s*$/im.exec(head)?.[1] ?? 0);
  if (bytes.length < length) return undefined;
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  return { answer: { status, body: bytes.subarray(start, length) }, length };
}
