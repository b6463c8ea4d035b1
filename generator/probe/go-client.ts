// Asks one address of a store over HTTP, with the same bytes as nodes: Go's net/http as containers/image
// sets it up (pkg/tlsclientconfig, NewTransport): HTTP/1.1 only, no ALPN, gzip, up to ten redirects,
// connections kept. It gives answers as they are; what they mean is said elsewhere.
import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from 'node:http';
import { type Socket, connect as connectPlain, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { MAX_BLOB_BYTES } from '../openpgp/signature-file.ts';
import { hasCode, messageOf } from '../terms/errors.ts';

/** What Go's client calls itself, and nodes with it. */
const GO_AGENT = 'Go-http-client/1.1';
/** Go's net/http, defaultCheckRedirect. */
const MOST_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Go reads ten times as much. Bytes. */
const MOST_HEADER_BYTES = 1024 * 1024;
const TCP_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** What Go's crypto/tls offers beside TLS 1.3 (cipher_suites.go); no DHE, no RSA key exchange. */
export const GO_TLS = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    ...['ECDSA', 'RSA'].map(
      (key) =>
        `ECDHE-${key}-AES128-GCM-SHA256:ECDHE-${key}-AES256-GCM-SHA384:ECDHE-${key}-CHACHA20-POLY1305:ECDHE-${key}-AES128-SHA:ECDHE-${key}-AES256-SHA`,
    ),
  ].join(':'),
} as const;

/** The answer to a question, behind its redirects. */
export interface StoreAnswer {
  readonly status: number;
  /** With names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Decoded; of an answer other than 200 nothing is read. */
  readonly body: Uint8Array;
  /** Why the bytes of a 200 are not what was meant; undefined where they are. */
  readonly fault: 'too-large' | 'wrong-length' | 'encoding' | undefined;
  /** Whether the connection can be used again. */
  readonly isKept: boolean;
  /** Whether there is, or may be, a body. */
  readonly hasBody: boolean;
  readonly milliseconds: number;
  /** Where redirects led, in their order, without what may be secret. */
  readonly hops: readonly string[];
  /** Whether a kept connection was closed in place of an answer, so that it was asked again. */
  readonly isRetried: boolean;
}

/** Why there is no answer. */
export interface NoAnswer {
  readonly failed: 'connect' | 'tls' | 'silence' | 'closed' | 'protocol' | 'redirects';
  readonly message: string;
  /** The first bytes of what is not HTTP/1.1. */
  readonly bytes?: Uint8Array | undefined;
  readonly hops: readonly string[];
}

export type Asked = StoreAnswer | NoAnswer;

export function isAnswer(asked: Asked): asked is StoreAnswer {
  return 'status' in asked;
}

export interface GoClientOptions {
  /** One of the addresses of the store's name. */
  readonly address: string;
  /** The host of the store's URL, as URL writes it: other hosts are resolved by the system. */
  readonly host: string;
  /** Milliseconds for one answer. */
  readonly patience: number;
  readonly ending: AbortSignal;
}

interface Question {
  readonly method?: 'GET' | 'HEAD';
  readonly userAgent?: string;
}

/** Connections to one address, and to where it redirects. */
export class GoClient {
  readonly #options: GoClientOptions;
  readonly #agents = new Map<string, AddressAgent>();
  /** How many requests were sent. */
  requests = 0;

  constructor(options: GoClientOptions) {
    this.#options = options;
  }

  /** Asks for a URL whose path is sent as it is written, and follows redirects. */
  async ask(href: string, question: Question = {}): Promise<Asked> {
    const hops: string[] = [];
    let at = new URL(href);
    for (;;) {
      const asked = await this.#askOnce(at, question);
      if (!isAnswer(asked)) return { ...asked, hops };
      const { location } = asked.headers;
      if (!REDIRECTS.has(asked.status) || location === undefined) return { ...asked, hops };
      const next = resolveUrl(location, at);
      if (!next) return { failed: 'redirects', message: `a redirect to ${location}`, hops };
      hops.push(`${next.origin}${next.pathname}`);
      if (hops.length > MOST_REDIRECTS) {
        return { failed: 'redirects', message: `more than ${MOST_REDIRECTS} redirects`, hops };
      }
      at = next;
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #askOnce(url: URL, question: Question): Promise<Asked> {
    let isRetried = false;
    for (;;) {
      const asked = await this.#send(url, question);
      if (isAnswer(asked)) return { ...asked, isRetried };
      // As Go does where nothing of an answer has come (transport.go, shouldRetryRequest), until the connection is new.
      if (!asked.wasReused || asked.failed !== 'closed') return asked;
      isRetried = true;
    }
  }

  async #send(
    url: URL,
    { method = 'GET', userAgent = GO_AGENT }: Question,
  ): Promise<StoreAnswer | (NoAnswer & { readonly wasReused: boolean })> {
    this.requests++;
    const startedAt = performance.now();
    const { ending, patience } = this.#options;
    const agent = this.#agentOf(url);
    const sent = request({
      agent,
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        Host: url.host,
        'User-Agent': userAgent,
        ...authorize(url),
        'Accept-Encoding': 'gzip',
      },
      maxHeaderSize: MOST_HEADER_BYTES,
      signal: ending,
    });
    // Go sends none where it keeps the connection.
    sent.removeHeader('Connection');
    const answer = await new Answering(sent, agent, patience).run();
    ending.throwIfAborted();
    const milliseconds = performance.now() - startedAt;
    return 'failed' in answer
      ? { ...answer, hops: [] }
      : { ...answer, milliseconds, hops: [], isRetried: false };
  }

  #agentOf(url: URL): AddressAgent {
    const { address, host } = this.#options;
    const name = url.hostname.replaceAll(/[[\]]/g, '');
    const to = url.host === host ? address : name;
    const key = `${url.origin} ${to}`;
    const agent =
      this.#agents.get(key) ??
      new AddressAgent({ isTls: url.protocol === 'https:', name, to, port: portOf(url) });
    this.#agents.set(key, agent);
    return agent;
  }
}

/** The port of a web address. */
export function portOf({ port, protocol }: URL): number {
  return port === '' ? (TCP_PORTS[protocol] ?? 0) : Number(port);
}

interface AddressAgentOptions {
  readonly isTls: boolean;
  readonly name: string;
  readonly to: string;
  readonly port: number;
}

/** How far a connection has come. */
type Phase = 'connect' | 'tls' | 'open';

/** Keeps connections to one address, whatever the name. Certificates are judged elsewhere. */
class AddressAgent extends Agent {
  readonly #to: AddressAgentOptions;
  readonly #phases = new WeakMap<Socket, Phase>();
  readonly #used = new WeakSet<Socket>();

  constructor(to: AddressAgentOptions) {
    super({ keepAlive: true, maxSockets: 4 });
    this.#to = to;
  }

  override createConnection(): Socket {
    const { isTls, name, to, port } = this.#to;
    const socket = isTls
      ? connectTls({ host: to, port, ...serverName(name), ...GO_TLS, rejectUnauthorized: false })
      : connectPlain({ host: to, port });
    this.#phases.set(socket, 'connect');
    socket.once('connect', () => this.#phases.set(socket, isTls ? 'tls' : 'open'));
    socket.once('secureConnect', () => this.#phases.set(socket, 'open'));
    return socket;
  }

  phaseOf(socket: Socket): Phase {
    return this.#phases.get(socket) ?? 'connect';
  }

  /** Notes that a connection is used; gives whether it was before. Node does not always tell. */
  use(socket: Socket): boolean {
    const wasUsed = this.#used.has(socket);
    this.#used.add(socket);
    return wasUsed;
  }
}

/** The name that a client sends so that the server can choose a certificate; none for an address. */
export function serverName(name: string): { readonly servername?: string } {
  return isIP(name) === 0 ? { servername: name } : {};
}

type Received = Omit<StoreAnswer, 'milliseconds' | 'hops' | 'isRetried'>;
type Unanswered = Omit<NoAnswer, 'hops'> & { readonly wasReused: boolean };

/** One request on its way. */
class Answering {
  readonly #sent: ClientRequest;
  readonly #patience: number;
  readonly #agent: AddressAgent;
  #socket: Socket | undefined;
  #wasReused = false;
  #isSilent = false;
  /** What went wrong once an answer had begun. */
  #late: unknown;

  constructor(sent: ClientRequest, agent: AddressAgent, patience: number) {
    this.#sent = sent;
    this.#agent = agent;
    this.#patience = patience;
    sent.once('socket', (socket) => {
      this.#socket = socket;
      this.#wasReused = agent.use(socket);
    });
  }

  async run(): Promise<Received | Unanswered> {
    const timer = setTimeout(() => {
      this.#isSilent = true;
      this.#sent.destroy(new Error('timed out'));
    }, this.#patience);
    try {
      const response = await this.#begin();
      return await this.#receive(response);
    } catch (error) {
      return this.#explain(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #begin(): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      this.#sent.on('error', (error) => {
        this.#late = error;
        reject(error);
      });
      this.#sent.once('response', resolve);
      this.#sent.end();
    });
  }

  async #receive(response: IncomingMessage): Promise<Received> {
    const { statusCode: status = 0, headers } = response;
    const isHead = this.#sent.method === 'HEAD';
    const hasBody = !isHead && headers['content-length'] !== '0';
    const facts = { status, headers, isKept: this.#sent.shouldKeepAlive, hasBody };
    if (status === 200 && !isHead) return { ...facts, ...(await this.#readBody(response)) };
    // Nodes do not read it either: a connection with a body left in it is closed.
    if (hasBody) response.on('error', () => undefined).destroy();
    else response.resume();
    return { ...facts, body: NOTHING, fault: undefined };
  }

  /** The body of a signature, as far as nodes read it. */
  async #readBody(response: IncomingMessage): Promise<Pick<StoreAnswer, 'body' | 'fault'>> {
    const pieces: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of response) {
        const bytes = Buffer.from(piece);
        pieces.push(bytes);
        size += bytes.length;
        if (size > MAX_BLOB_BYTES) return { body: Buffer.concat(pieces), fault: 'too-large' };
      }
    } catch (error) {
      // Cut short, which is no fault of HTTP itself.
      if (this.#isSilent || isProtocolFault(this.#late)) throw error;
      return { body: Buffer.concat(pieces), fault: 'wrong-length' };
    }
    // Bytes behind the body, which begin no answer.
    if (isProtocolFault(this.#late)) return { body: Buffer.concat(pieces), fault: 'wrong-length' };
    return decode(Buffer.concat(pieces), response.headers['content-encoding']);
  }

  #explain(caught: unknown): Unanswered {
    const wasReused = this.#wasReused;
    const phase = this.#socket ? this.#agent.phaseOf(this.#socket) : 'connect';
    const error = isProtocolFault(this.#late) ? this.#late : caught;
    if (this.#isSilent) {
      const message = `nothing within ${this.#patience / 1000} s`;
      return { failed: phase === 'open' ? 'silence' : phase, message, wasReused };
    }
    const message = messageOf(error);
    if (!isProtocolFault(error)) {
      return { failed: phase === 'open' ? 'closed' : phase, message, wasReused };
    }
    const raw = 'rawPacket' in error ? error.rawPacket : undefined;
    const bytes = Buffer.isBuffer(raw) ? raw : undefined;
    return { failed: 'protocol', message, bytes, wasReused };
  }
}

const NOTHING = new Uint8Array();

/** Whether Node's parser of HTTP gave up. */
function isProtocolFault(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('HPE_');
}

function decode(raw: Buffer, encoding = 'identity'): Pick<StoreAnswer, 'body' | 'fault'> {
  if (/^identity$/i.test(encoding)) return { body: raw, fault: undefined };
  // Go compares without case, and leaves every other one to the caller.
  if (!/^gzip$/i.test(encoding)) return { body: raw, fault: 'encoding' };
  try {
    return { body: gunzipSync(raw, { maxOutputLength: MAX_BLOB_BYTES + 1 }), fault: undefined };
  } catch (error) {
    return { body: raw, fault: hasCode(error, 'ERR_BUFFER_TOO_LARGE') ? 'too-large' : 'encoding' };
  }
}

/** A name and a password in a URL, which Go's client sends as they are. */
function authorize({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function resolveUrl(location: string, base: URL): URL | undefined {
  try {
    const url = new URL(location, base);
    return url.protocol in TCP_PORTS ? url : undefined;
  } catch {
    return undefined;
  }
}
