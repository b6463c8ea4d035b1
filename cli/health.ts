// `lookaside health [URL]`: asks a server whether it is ready, for health checks where there is no curl, as in
// the image.
import { get as getPlainly, type IncomingMessage } from 'node:http';
import { get as getSecurely } from 'node:https';
import { text } from 'node:stream/consumers';
import { messageOf } from '../generator/terms/errors.ts';
import { parseUrl, toLine } from '../generator/terms/text.ts';
import type { ListenAddress } from './base/option-values.ts';
import type { Settings } from './base/options.ts';
import { type ProcessIo, write } from './base/process-io.ts';
import { UsageError } from './base/usage-error.ts';

/** Of a server that answers no more. Milliseconds. */
const PATIENCE = 5000;
/** Of an answer, in characters. A probe's has a word. */
const MOST_SHOWN = 80;
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['', '::', '0.0.0.0']);
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
const NOT_RUNNING =
  'is it running? Give its address as URL, or --listen or --config as the server has it';

/** Gives 0 for a server that is ready, 1 for one that is not; throws where nobody answers. */
export async function health(
  given: string | undefined,
  settings: Pick<Settings, 'listen' | 'tls-cert'>,
  { stdout, stderr }: Pick<ProcessIo, 'stdout' | 'stderr'>,
): Promise<number> {
  const url = given === undefined ? toOwnUrl(settings) : parseServer(given);
  const { statusCode, said } = await ask(url, given === undefined || LOOPBACK.test(url.hostname));
  const answer = `${url.href}: ${statusCode} ${said}`;
  if (statusCode === 200) await write(stdout, `${answer}\n`);
  else await write(stderr, `lookaside: not ready: ${answer}\n`);
  return statusCode === 200 ? 0 : 1;
}

/** Where a server with these settings is asked from the same host. */
function toOwnUrl({ listen, 'tls-cert': cert }: Pick<Settings, 'listen' | 'tls-cert'>): URL {
  if (listen.port === 0) {
    throw new UsageError(
      '--listen names no port that could be asked',
      'give the URL of the server',
    );
  }
  const scheme = cert === undefined ? 'http' : 'https';
  return new URL(`${scheme}://${toHost(listen)}:${listen.port}/readyz`);
}

function toHost({ host }: ListenAddress): string {
  if (EVERY_ADDRESS.has(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function parseServer(given: string): URL {
  const url = parseUrl(given);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    const message = `expected the URL of a server, got ${JSON.stringify(given)}`;
    throw new UsageError(message, 'for example http://localhost:8081');
  }
  if (url.pathname === '/') url.pathname = '/readyz';
  return url;
}

interface Answered {
  readonly statusCode: number;
  /** The beginning of the body, in one line. */
  readonly said: string;
}

/** On this host the certificate is not verified: it is made out for the name that nodes use. */
async function ask(url: URL, isThisHost: boolean): Promise<Answered> {
  const options = {
    agent: false,
    rejectUnauthorized: !isThisHost,
    signal: AbortSignal.timeout(PATIENCE),
  };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const get = url.protocol === 'https:' ? getSecurely : getPlainly;
      const request = get(url, options, resolve).once('error', reject);
      // After an answer it changes nothing. One that goes on in another protocol is closed without an error.
      request.once('close', () => reject(new Error('it closes the connection without an answer')));
    });
    const said = toLine((await text(response)).trim()).slice(0, MOST_SHOWN);
    return { statusCode: response.statusCode ?? 0, said };
  } catch (cause) {
    const why = options.signal.aborted ? `no answer within ${PATIENCE / 1000} s` : reasonOf(cause);
    throw new UsageError(`cannot ask ${url.href}: ${why}`, NOT_RUNNING, { cause });
  }
}

/** Where a name has several addresses, each has failed in its own way. */
function reasonOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return messageOf(first);
}
