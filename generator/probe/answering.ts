// One request and its answer, read as far as nodes read it (containers/image docker/docker_image_src.go,
// getOneSignature).
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { MAX_BLOB_BYTES } from '../openpgp/signature-file.ts';
import { hasCode, messageOf } from '../terms/errors.ts';
import type { AddressAgent } from './address-agent.ts';

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
  /** Whether this machine has no network from which to connect: IPv6 where it has only IPv4. */
  readonly hasNoRoute?: boolean;
  readonly hops: readonly string[];
}

export type Asked = StoreAnswer | NoAnswer;

export function isAnswer(asked: Asked): asked is StoreAnswer {
  return 'status' in asked;
}

type Received = Omit<StoreAnswer, 'milliseconds' | 'hops' | 'isRetried'>;
type Unanswered = Omit<NoAnswer, 'hops'> & { readonly wasReused: boolean };

/** One request on its way. */
export class Answering {
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
      // A status of 101, which nobody has asked for; unheard, Node would drop the connection and say nothing.
      this.#sent.once('upgrade', (response, socket) => {
        socket.destroy();
        resolve(response);
      });
      this.#sent.once('close', () => reject(new Error('the connection was closed')));
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
      const hasNoRoute = phase === 'connect' && NO_ROUTE.some((code) => hasCode(error, code));
      return { failed: phase === 'open' ? 'closed' : phase, message, wasReused, hasNoRoute };
    }
    const raw = 'rawPacket' in error ? error.rawPacket : undefined;
    const bytes = Buffer.isBuffer(raw) ? raw : undefined;
    return { failed: 'protocol', message, bytes, wasReused };
  }
}

const NOTHING = new Uint8Array();
/** What the system says without asking anybody. */
const NO_ROUTE = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

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
