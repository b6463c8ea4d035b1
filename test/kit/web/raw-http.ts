import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One answer as it came over the wire; text is latin1, a byte a character. */
export interface RawAnswer {
  readonly status: number;
  /** As sent: `Name: value`, in order. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** Opens a connection to the server at `url`. */
export async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const host = hostname.replaceAll(/[[\]]/g, '');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes as they are and reads until the server closes; half-closes when all is sent. */
export async function sendRaw(url: string, bytes: string): Promise<string> {
  const socket = await open(url);
  const answer = readToEnd(socket);
  socket.end(Buffer.from(bytes, 'latin1'));
  const text = await answer;
  socket.destroy();
  return text;
}

/** Everything that comes until the server closes its side. */
export async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  return Buffer.concat(chunks).toString('latin1');
}

/** A request that asks to close; `more` are further header lines. */
export function formatRequest(
  method: string,
  target: string,
  more: readonly string[] = [],
  body = '',
): string {
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: store.example',
    'Connection: close',
    ...more,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Sends one request and reads its one answer. */
export async function ask(
  url: string,
  method: string,
  target: string,
  more: readonly string[] = [],
): Promise<RawAnswer> {
  const answers = parseAnswers(await sendRaw(url, formatRequest(method, target, more)), [method]);
  const [answer] = answers;
  if (answer === undefined || answers.length > 1) {
    throw new Error(`expected one answer to ${method} ${target}, got ${answers.length}`);
  }
  return answer;
}

/** Splits what came into answers, strictly; `methods` of the requests, as HEAD has no body. */
export function parseAnswers(text: string, methods: readonly string[]): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const headEnd = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...headers] = rest.slice(0, headEnd).split('\r\n');
    const status = /^HTTP\/1\.1 ([1-5][0-9]{2}) [\w -]+$/.exec(statusLine)?.[1];
    if (headEnd < 0 || status === undefined) throw new Error(`not an answer: ${rest}`);
    const length = Number(headerOf({ headers }, 'Content-Length') ?? 0);
    const hasBody = methods[answers.length] !== 'HEAD' && status !== '304';
    const end = headEnd + 4 + (hasBody ? length : 0);
    if (end > rest.length) throw new Error(`the body is cut short: ${rest}`);
    answers.push({ status: Number(status), headers, body: rest.slice(headEnd + 4, end) });
    rest = rest.slice(end);
  }
  return answers;
}

/** The value of a header, or undefined. */
export function headerOf(
  { headers }: Pick<RawAnswer, 'headers'>,
  name: string,
): string | undefined {
  const prefix = `${name.toLowerCase()}: `;
  const line = headers.find((header) => header.toLowerCase().startsWith(prefix));
  return line?.slice(prefix.length);
}
