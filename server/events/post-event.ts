// One try to deliver an event: one POST over a connection of its own, within a time. Redirects are not
// followed: what is sent is meant for, and signed for, the address that was configured.
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';

/** What became of a try. */
export type DeliveryResult =
  | { readonly isTaken: true }
  | {
      readonly isTaken: false;
      /** For people, in one line; nothing of the address is in it. */
      readonly reason: string;
      /** The receiver has understood, and does not want it: more tries are of little use. */
      readonly isRefused: boolean;
      /** How long it asked to be left alone, in milliseconds. */
      readonly retryAfter: number | undefined;
    };

export interface PostOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the try; it fails then. */
  readonly signal: AbortSignal;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Nobody reads an answer; a receiver that sends more is not listened to. Bytes. */
const MOST_ANSWERED = 64 * 1024;
/** Whoever asks for longer is asked again then. Milliseconds. */
const LONGEST_RETRY_AFTER = 3_600_000;
/** Who answers so wants no more events, for now (Standard Webhooks, "Deliverability and reliability"). */
const GONE = 410;
/** Answers about the event itself. Others may be about an address or a secret that somebody will correct. */
const REFUSALS: ReadonlySet<number> = new Set([400, 406, GONE, 413, 415, 422]);
/** Of OpenSSL, for a certificate that no known authority has signed. */
const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];
const TRUST_HINT = 'name the file of its authority (PEM) in NODE_EXTRA_CA_CERTS';

/** Posts a body; what fails is in what it gives. */
export async function postEvent(options: PostOptions): Promise<DeliveryResult> {
  const { signal, timeout } = options;
  const late = AbortSignal.timeout(timeout);
  try {
    const response = await send(options, AbortSignal.any([signal, late]));
    return judgeAnswer(response, options.now);
  } catch (error) {
    const reason = late.aborted ? `no answer within ${timeout / 1000} s` : describe(error);
    return { isTaken: false, reason, isRefused: false, retryAfter: undefined };
  }
}

async function send(
  { url, headers, body }: PostOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = open(url, { ...headers, 'content-length': Buffer.byteLength(body) }, signal);
    let isAnswered = false;
    request.once('error', reject);
    // One that goes on in another protocol is closed without an error, and without an answer.
    request.once('close', () => {
      if (!isAnswered) reject(new Error('it closes the connection without an answer'));
    });
    request.once('response', (response) => {
      isAnswered = true;
      let answered = 0;
      response.on('data', ({ length }: Buffer) => {
        answered += length;
        if (answered > MOST_ANSWERED) response.destroy();
      });
      // The status has come, whatever becomes of the rest.
      response.once('error', () => undefined).once('close', () => resolve(response));
    });
    request.end(body);
  });
}

function open(
  url: URL,
  headers: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): ClientRequest {
  const { username, password } = url;
  const address = new URL(url);
  [address.username, address.password, address.hash] = ['', '', ''];
  const auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const options = {
    method: 'POST',
    headers,
    signal,
    agent: false,
    ...(auth !== ':' && { auth }),
  };
  return url.protocol === 'https:' ? requestHttps(address, options) : requestHttp(address, options);
}

function judgeAnswer({ statusCode = 0, headers }: IncomingMessage, now: number): DeliveryResult {
  if (statusCode >= 200 && statusCode < 300) return { isTaken: true };
  const isRedirect = statusCode >= 300 && statusCode < 400;
  const more = isRedirect ? ', a redirect, which is not followed' : '';
  const asked = readRetryAfter(headers['retry-after'], now);
  return {
    isTaken: false,
    reason: `it answers ${statusCode}${more}`,
    isRefused: REFUSALS.has(statusCode),
    retryAfter: statusCode === GONE ? LONGEST_RETRY_AFTER : asked,
  };
}

/** Seconds, or a date (RFC 9110, 10.2.3); in milliseconds from now. */
function readRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  // Node reads dates out of much that is none.
  const date = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN;
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : date - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), LONGEST_RETRY_AFTER);
}

/** What Node says names hosts and ports, never a path or a password. */
function describe(error: unknown): string {
  // Several addresses were tried, and each has failed.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const hint = hasCode(first, ...UNTRUSTED) ? `; ${TRUST_HINT}` : '';
  return toLine(`${messageOf(first)}${hint}`);
}
