// GitHub's push webhook: the raw bytes, then their HMAC, and only then the JSON
// (docs.github.com, "Validating webhook deliveries"). A delivery says nothing that is
// trusted beyond "look again"; repeated ones are harmless.
import { timingSafeEqual } from 'node:crypto';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import type { ProgramLog } from '../../../generator/system/program-log.ts';
import { formatJson, toPrintable } from '../../../generator/terms/text.ts';
import { afterLookups } from '../yield-to-lookups.ts';
import { BODY_LIMITS, BodyRoom, type BodyLimits } from './body-room.ts';
import { type ReadBody, type Unread, readBody } from './read-body.ts';

/** When it may be worth while to deliver again, in seconds. */
const RETRY_AFTER = '10';
const SIGNATURE = /^sha256=([0-9a-f]{64})$/i;
const COMMIT = /^(?!0+$)(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

const PUSH_EVENT = 'push';
const PUSH = z.object({
  ref: z.string(),
  after: z.string().regex(COMMIT).optional().catch(undefined),
});

/** What deliveries come to, and how each is answered. */
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

export interface WebhookOptions {
  /** Those valid now; none at all: the webhook is not there. */
  readonly secrets: () => readonly string[];
  /** The branch that is followed; undefined takes a push to any branch. */
  readonly branch: () => string | undefined;
  /** Called after the answer, with the pushed commit unless the branch was deleted. */
  readonly onPush: (commit: string | undefined) => void;
  /** Called with every delivery, before the answer. */
  readonly onDelivery: (result: WebhookResult) => void;
  readonly log: ProgramLog;
  /** Who sends a request; the room for bodies is shared fairly among them. */
  readonly clientOf: (request: Request) => string;
  readonly limits?: BodyLimits;
}

/** The routes of `/webhook`. */
export function createWebhook(options: WebhookOptions): Router {
  const { secrets, branch, onPush, onDelivery, log, clientOf, limits = BODY_LIMITS } = options;
  const room = new BodyRoom(limits);
  const answer = (response: Response, result: WebhookResult, message: string): void => {
    const status = STATUS[result];
    const { method, headers } = response.req;
    const delivery = toPrintable(String(headers['x-github-delivery'] ?? ''));
    log.info({ status, delivery, method }, `webhook: ${message}`);
    onDelivery(result);
    // Forges show it, and it may repeat what came.
    response.status(status).type('json').send(formatJson({ message }));
  };

  const unauthorized = (response: Response): void =>
    answer(response, 'unauthorized', 'the X-Hub-Signature-256 header is missing or wrong');

  const refuse = (response: Response, unread: Unread): void => {
    // What is left of the body is not waited for.
    response.set('Connection', 'close');
    if (unread === 'too-large') {
      answer(response, 'too-large', `expected at most ${limits.large} bytes`);
    } else if (unread === 'too-slow') {
      answer(response, 'too-slow', 'the body did not come in time');
    } else if (unread === 'busy') {
      response.set('Retry-After', RETRY_AFTER);
      answer(response, 'busy', 'too many deliveries at once; deliver it again');
    } else {
      answer(response, 'invalid', 'the client went away');
    }
  };

  /** What cannot be signed is not read: anybody may send 25 MiB. */
  const requireSignature: RequestHandler = (request, response, next) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (signatureOf(request) === undefined) unauthorized(response);
    // What was signed would not be what is read.
    else if (encoding !== 'identity') answer(response, 'invalid', 'expected a plain body');
    else next();
  };

  const receive: RequestHandler = (request, response) => {
    const reading = {
      room,
      secrets: secrets(),
      client: clientOf(request),
      isKept: request.get('x-github-event') === PUSH_EVENT,
    };
    readBody(request, response, reading, (read) => judge(request, response, read));
  };

  const judge = (request: Request, response: Response, read: ReadBody | Unread): void => {
    if (typeof read === 'string') refuse(response, read);
    else if (isSigned(read, signatureOf(request))) {
      afterLookups(() => handle(request, response, read.bytes));
    } else unauthorized(response);
  };

  const handle = (request: Request, response: Response, bytes: Buffer): void => {
    const event = request.get('x-github-event');
    if (event === 'ping') {
      answer(response, 'ping', 'pong');
      return;
    }
    if (event !== PUSH_EVENT) {
      answer(response, 'ignored', `nothing to do for the event ${JSON.stringify(event ?? 'none')}`);
      return;
    }
    const push = PUSH.safeParse(parsePayload(bytes, request.get('content-type')));
    if (!push.success) {
      answer(response, 'invalid', 'expected the JSON of a push event');
      return;
    }
    const { ref, after } = push.data;
    const followed = branch();
    if (followed !== undefined && ref !== `refs/heads/${followed}`) {
      answer(
        response,
        'ignored',
        `nothing to do: ${JSON.stringify(ref)} is not the branch ${followed}`,
      );
      return;
    }
    // Whether or not the client waits for the answer.
    afterLookups(() => {
      answer(response, 'accepted', 'refresh queued');
      afterLookups(() => onPush(after));
    });
  };

  const router = Router();
  router.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    if (secrets().length > 0) next();
    else response.status(404).end();
  });
  router
    .route('/')
    .post(requireSignature, receive)
    .all((_request, response) => {
      response.set('Allow', 'POST').status(405).end();
    });
  return router;
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
