// What load balancers and kubelets ask. Both listeners answer it alike, and in few words: on the store's
// port anybody may ask.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Headers, EMPTY_HEADERS, READ_METHODS } from '../lookups/answer-headers.ts';
import { parseRequestPath } from '../lookups/request-path.ts';
import type { Readiness, ReadinessState } from './readiness.ts';

/** When to ask again, in seconds. */
const RETRY_AFTER = '5';

export class Probes {
  readonly #readiness: Pick<Readiness, 'state'>;
  readonly #posted: string;

  /** `posted` is the path, without its leading slash, that takes POST and nothing else. */
  constructor(readiness: Pick<Readiness, 'state'>, posted: string) {
    this.#readiness = readiness;
    this.#posted = posted;
  }

  /** Answers `/livez`, `/readyz`, and OPTIONS of any path; does nothing and gives false for all else. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method } = request;
    const path = parseRequestPath(request.url ?? '');
    const isProbe = path === 'livez' || path === 'readyz';
    if (method === 'OPTIONS') {
      // HAProxy asks OPTIONS of / where it is told nothing else, and takes 204 for ready.
      const allowed = path === this.#posted ? 'POST, OPTIONS' : READ_METHODS;
      if (isProbe || this.#isReady()) response.writeHead(204, ['Allow', allowed]).end();
      else this.#say(response, this.#readiness.state, request);
    } else if (!isProbe) {
      return false;
    } else if (method === 'GET' || method === 'HEAD') {
      this.#say(response, path === 'livez' ? 'ready' : this.#readiness.state, request);
    } else {
      response.writeHead(405, [...EMPTY_HEADERS, 'Allow', READ_METHODS]).end();
    }
    return true;
  }

  /**
   * Answers 503 at `/`, which balancers ask by default, while no new pulls should come; does nothing and
   * gives false for all else.
   */
  answerUnready(request: IncomingMessage, response: ServerResponse): boolean {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || this.#isReady() || parseRequestPath(request.url ?? '') !== '') return false;
    this.#say(response, this.#readiness.state, request);
    return true;
  }

  #isReady(): boolean {
    return this.#readiness.state === 'ready';
  }

  #say(response: ServerResponse, state: ReadinessState, { method }: IncomingMessage): void {
    const body = state === 'ready' ? 'ok\n' : `${state}\n`;
    const headers: Headers = [
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      String(body.length),
      'X-Content-Type-Options',
      'nosniff',
      'Cache-Control',
      'no-store',
      ...(state === 'ready' ? [] : ['Retry-After', RETRY_AFTER]),
    ];
    response.writeHead(state === 'ready' ? 200 : 503, [...headers]);
    response.end(method === 'HEAD' ? undefined : body);
  }
}
