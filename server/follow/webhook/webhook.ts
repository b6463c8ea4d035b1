// GitHub's push webhook: the raw bytes, then their HMAC, and only then the JSON
// (docs.github.com, "Validating webhook deliveries"). All that is believed of a delivery is "look
// again", so repeated ones are harmless.
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import type { ProgramLog } from '../../../generator/system/program-log.ts';
import { formatJson, toPrintable } from '../../../generator/terms/text.ts';
import { yieldToLookups } from '../../lookups/yield-to-lookups.ts';
import { type BodyLimits, BodyRoom } from './body-room.ts';
import { type ReadBody, type Unread, readBody } from './read-body.ts';

/** When to deliver again, in seconds. */
const RETRY_AFTER = '10';
const SIGNATURE = /^sha256=([0-9a-f]{64})$/i;
const COMMIT = /^(?!0+$)(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

const PUSH_EVENT = 'push';
const PUSH = z.object({
  ref: z.string(),
  after: z.string().regex(COMMIT).optional().catch(undefined),
});

/** What can come of a delivery, with the status of the answer. */
const STATUS = {
  accepted: 202,
  ignored: 202,
  ping: 200,
  unauthorized: 401,
  'too-large': 413,
  'too-slow': 408,
  busy: 503,
  invalid: 400,
} as const;
export type WebhookResult = keyof typeof STATUS;

/** A delivery as it came, kept to be passed on. */
export interface KeptDelivery {
  readonly bytes: Buffer;
  readonly headers: IncomingHttpHeaders;
}

export interface WebhookOptions {
  /** All that are valid now; if there is none, `/webhook` answers 404. */
  readonly secrets: () => readonly string[];
  /** The branch that is followed; undefined takes a push to any branch. */
  readonly branch: () => string | undefined;
  /** Called after the answer, with the pushed commit unless the branch was deleted. */
  readonly onPush: (commit: string | undefined) => void;
  /** Called after the answer with each delivery that leads to a refresh. */
  readonly onVerified?: (delivery: KeptDelivery) => void;
  /** Called with every delivery, before the answer. */
  readonly onDelivery: (result: WebhookResult) => void;
  readonly log: ProgramLog;
  /** Names the client of a request; the room for bodies is shared fairly among clients. */
  readonly clientOf: (request: Request) => string;
  readonly limits?: BodyLimits;
}

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #room: BodyRoom;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#room = new BodyRoom(options.limits);
  }

  /** The routes of `/webhook`. */
  createRouter(): Router {
    const router = Router();
    router.use((_request, response, next) => {
      response.set('Cache-Control', 'no-store');
      if (this.#options.secrets().length > 0) next();
      else response.status(404).end();
    });
    router
      .route('/')
      .post(this.#requireSignature, this.#receive)
      .all((_request, response) => {
        response.set('Allow', 'POST, OPTIONS').status(405).end();
      });
    return router;
  }

  /** A body without a signature is not read: anybody may send 25 MiB. */
  readonly #requireSignature: RequestHandler = (request, response, next) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (signatureOf(request) === undefined) this.#answerUnauthorized(response);
    // The signature is over the bytes as they come, not over what they unpack to.
    else if (encoding !== 'identity')
      this.#answer(response, 'invalid', 'expected a body without Content-Encoding');
    else next();
  };

  readonly #receive: RequestHandler = (request, response) => {
    const { secrets, clientOf } = this.#options;
    const reading = {
      room: this.#room,
      secrets: secrets(),
      client: clientOf(request),
      isKept: request.get('x-github-event') === PUSH_EVENT,
    };
    readBody(request, response, reading, (read) => this.#judge(request, response, read));
  };

  #judge(request: Request, response: Response, read: ReadBody | Unread): void {
    if (typeof read === 'string') this.#answerUnread(response, read);
    else if (isSigned(read, signatureOf(request))) {
      yieldToLookups(() => this.#handle(request, response, read.bytes));
    } else this.#answerUnauthorized(response);
  }

  /** A delivery that is signed. */
  #handle(request: Request, response: Response, bytes: Buffer): void {
    const event = request.get('x-github-event');
    if (event === 'ping') this.#answer(response, 'ping', 'pong');
    else if (event === PUSH_EVENT) {
      this.#handlePush(response, bytes, parsePayload(bytes, request.get('content-type')));
    } else {
      const name = JSON.stringify(event ?? 'none');
      this.#answer(response, 'ignored', `nothing to do for the event ${name}`);
    }
  }

  #handlePush(response: Response, bytes: Buffer, payload: unknown): void {
    const { branch, onPush, onVerified } = this.#options;
    const push = PUSH.safeParse(payload);
    if (!push.success) {
      this.#answer(response, 'invalid', 'expected the JSON of a push event');
      return;
    }
    const { ref, after } = push.data;
    const followed = branch();
    if (followed !== undefined && ref !== `refs/heads/${followed}`) {
      const message = `nothing to do: ${JSON.stringify(ref)} is not the branch ${followed}`;
      this.#answer(response, 'ignored', message);
      return;
    }
    // Whether or not the client waits for the answer.
    yieldToLookups(() => {
      this.#answer(response, 'accepted', 'refresh queued');
      yieldToLookups(() => {
        onPush(after);
        onVerified?.({ bytes, headers: response.req.headers });
      });
    });
  }

  #answerUnauthorized(response: Response): void {
    this.#answer(response, 'unauthorized', 'the X-Hub-Signature-256 header is missing or wrong');
  }

  #answerUnread(response: Response, unread: Unread): void {
    // The server does not wait for the rest of the body.
    response.set('Connection', 'close');
    if (unread === 'too-large') {
      this.#answer(response, unread, `expected at most ${this.#room.limits.large} bytes`);
    } else if (unread === 'too-slow') {
      this.#answer(response, unread, 'the body did not arrive in time');
    } else if (unread === 'busy') {
      response.set('Retry-After', RETRY_AFTER);
      this.#answer(response, unread, 'too many deliveries at once; try again');
    } else {
      this.#answer(response, 'invalid', 'the client went away');
    }
  }

  #answer(response: Response, result: WebhookResult, message: string): void {
    const { log, onDelivery } = this.#options;
    const status = STATUS[result];
    const { method, headers } = response.req;
    const delivery = toPrintable(String(headers['x-github-delivery'] ?? ''));
    log.info({ status, delivery, method }, `webhook: ${message}`);
    onDelivery(result);
    // Forges show the answer, and it may repeat what they sent.
    response.status(status).type('json').send(formatJson({ message }));
  }
}

function signatureOf(request: Request): Buffer | undefined {
  const given = SIGNATURE.exec(request.get('x-hub-signature-256') ?? '')?.[1];
  return given === undefined ? undefined : Buffer.from(given, 'hex');
}

function isSigned({ digests }: ReadBody, signature: Buffer | undefined): boolean {
  if (signature === undefined) return false;
  // Every secret is tried, so the time does not tell which one matched.
  return digests.map((digest) => timingSafeEqual(digest, signature)).includes(true);
}

/** GitHub sends JSON, or, as its form first offers, JSON in the form field `payload`. */
function parsePayload(body: Buffer, contentType: string | undefined): unknown {
  const text = body.toString('utf8');
  const isForm = contentType?.startsWith('application/x-www-form-urlencoded') ?? false;
  try {
    return JSON.parse(isForm ? (new URLSearchParams(text).get('payload') ?? '') : text);
  } catch {
    return undefined;
  }
}
