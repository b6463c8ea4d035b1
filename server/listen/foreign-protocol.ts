// What comes where HTTP was expected, when whoever is in front was set up for another protocol. Each such
// request fails, and says nothing of it to the one who could mend it; so the log says it.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hasCode } from '../../generator/terms/errors.ts';

interface ForeignProtocolWords {
  readonly message: string;
  readonly hint: string;
}

const FOREIGN_PROTOCOLS = {
  'proxy-header': {
    message: 'a PROXY protocol header came, which lookaside does not read',
    hint: 'turn it off in the proxy (HAProxy: no send-proxy; nginx: proxy_protocol off; AWS: proxy_protocol_v2.enabled=false), let it send X-Forwarded-For, and name it in --trusted-proxies',
  },
  tls: {
    message: 'a TLS handshake came on a port without TLS',
    hint: 'give --tls-cert and --tls-key (the status listener has no TLS), or let clients, or the proxy in front, use http://',
  },
  'not-tls': {
    message: 'what came on the port with TLS is not TLS: plain HTTP, or a PROXY protocol header',
    hint: 'let clients, health checks and the proxy in front use https:// and send no PROXY header; or leave out --tls-cert and --tls-key',
  },
  http2: {
    message: 'HTTP/2 without TLS came, which lookaside does not speak',
    hint: 'let the proxy in front use HTTP/1.1 (HAProxy: no proto h2; Kubernetes: no appProtocol h2c)',
  },
} as const satisfies Readonly<Record<string, ForeignProtocolWords>>;

export type ForeignProtocol = keyof typeof FOREIGN_PROTOCOLS;

export function isForeignProtocol(name: string): name is ForeignProtocol {
  return Object.hasOwn(FOREIGN_PROTOCOLS, name);
}

/** OpenSSL's names for a first record that is none. */
const NO_RECORD = [
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
];
/** How what the parser fails at begins. A first line that only names HTTP/2 it passes over. */
const STARTS: readonly (readonly [start: string, protocol: ForeignProtocol])[] = [
  ['PROXY ', 'proxy-header'],
  ['\0\r\nQUIT\n', 'proxy-header'],
  ['\x16\x03', 'tls'],
  ['SM\r\n\r\n', 'http2'],
];
/** More than the longest of these, with empty lines in front. Bytes. */
const START_LENGTH = 32;

/** What it is that a parser, or TLS, failed with; undefined for anything else that is broken. */
export function findForeignProtocol(error: Error): ForeignProtocol | undefined {
  if (hasCode(error, ...NO_RECORD)) return 'not-tls';
  if (!('rawPacket' in error) || !(error.rawPacket instanceof Uint8Array)) return undefined;
  const bytes = Buffer.from(error.rawPacket.subarray(0, START_LENGTH));
  const text = bytes.toString('latin1').replace(/^(?:\r\n)+/, '');
  return STARTS.find(([start]) => text.startsWith(start))?.[1];
}

/** At most one line of each protocol in this time, as clients decide how often they come. Milliseconds. */
const TOLD_EVERY = 60_000;

/** Says in the log of one listener that another protocol comes. */
export class ForeignProtocolNotices {
  readonly #listener: string;
  readonly #log: ProgramLog;
  readonly #elapsed: () => number;
  readonly #told = new Map<ForeignProtocol, { readonly at: number; untold: number }>();

  /** `listener` is what people call it; `elapsed` a clock that never jumps, in milliseconds. */
  constructor(listener: string, log: ProgramLog, elapsed = () => performance.now()) {
    this.#listener = listener;
    this.#log = log;
    this.#elapsed = elapsed;
  }

  note(protocol: ForeignProtocol, client: string): void {
    const now = this.#elapsed();
    const last = this.#told.get(protocol);
    if (last && now - last.at < TOLD_EVERY) {
      last.untold++;
      return;
    }
    this.#told.set(protocol, { at: now, untold: 0 });
    const { message, hint } = FOREIGN_PROTOCOLS[protocol];
    const more = last?.untold ? { moreSinceLastLine: last.untold } : {};
    this.#log.warn({ client, ...more, hint }, `${this.#listener}: ${message}`);
  }
}
