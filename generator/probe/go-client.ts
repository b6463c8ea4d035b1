// Asks one address of a store over HTTP, with the same bytes as nodes: Go's net/http as containers/image
// sets it up (pkg/tlsclientconfig, NewTransport): HTTP/1.1 only, gzip, up to ten redirects, connections kept.
// It gives answers as they are; what they mean is said elsewhere.
import { request } from 'node:http';
import { AddressAgent, WEB_PORTS, portOf } from './address-agent.ts';
import { Answering, type Asked, type NoAnswer, type StoreAnswer, isAnswer } from './answering.ts';

/** What Go's client calls itself, and nodes with it. */
const GO_AGENT = 'Go-http-client/1.1';
/** Go's net/http, defaultCheckRedirect. */
const MOST_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Go reads ten times as much. Bytes. */
const MOST_HEADER_BYTES = 1024 * 1024;

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

/** A name and a password in a URL, which Go's client sends as they are. */
function authorize({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function resolveUrl(location: string, base: URL): URL | undefined {
  try {
    const url = new URL(location, base);
    return url.protocol in WEB_PORTS ? url : undefined;
  } catch {
    return undefined;
  }
}
