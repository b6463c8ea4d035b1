// GitHub's push webhook: the raw bytes, then their HMAC, and only then the JSON
// (docs.github.com, "Validating webhook deliveries"). A delivery says nothing that is
// trusted beyond "look again"; repeated ones are harmless.
import { createHmac, timingSafeEqual } from 'node:crypto';
import express, {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from 'express';
import { z } from 'zod';
import { toPrintable } from '../generator/printable.ts';
import { afterLookups } from './after-lookups.ts';
import type { ProgramLog } from './program-log.ts';

/** The most that GitHub sends, in bytes. */
const MAX_BODY = 25 * 1024 * 1024;
const SIGNATURE = /^sha256=([0-9a-f]{64})$/i;
const COMMIT = /^(?!0+$)(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

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
}

/** The routes of `/webhook`. */
export function createWebhook(options: WebhookOptions): Router {
  const { secrets, branch, onPush, onDelivery, log } = options;
  const answer = (response: Response, result: WebhookResult, message: string): void => {
    const status = STATUS[result];
    const { method, headers } = response.req;
    const delivery = toPrintable(String(headers['x-github-delivery'] ?? ''));
    log.info({ status, delivery, method }, `webhook: ${message}`);
    onDelivery(result);
    response.status(status).json({ message });
  };

  const unauthorized = (response: Response): void =>
    answer(response, 'unauthorized', 'the X-Hub-Signature-256 header is missing or wrong');
  const tooLarge = (response: Response): void =>
    answer(response, 'too-large', `expected at most ${MAX_BODY} bytes`);

  /** What cannot be signed is not read: anybody may send 25 MiB. */
  const requireSignature: RequestHandler = (request, response, next) => {
    if (Number(request.get('content-length') ?? 0) > MAX_BODY) tooLarge(response);
    else if (SIGNATURE.test(request.get('x-hub-signature-256') ?? '')) next();
    else unauthorized(response);
  };

  const receive = (request: Request, response: Response): void => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    if (!isSigned(body, request.get('x-hub-signature-256'), secrets())) {
      unauthorized(response);
      return;
    }
    const event = request.get('x-github-event');
    if (event === 'ping') {
      answer(response, 'ping', 'pong');
      return;
    }
    if (event !== 'push') {
      answer(response, 'ignored', `nothing to do for the event ${JSON.stringify(event ?? 'none')}`);
      return;
    }
    const push = PUSH.safeParse(parsePayload(body, request.get('content-type')));
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

  const onUnreadable: ErrorRequestHandler = (
    error: { status?: number },
    _request,
    response,
    next,
  ) => {
    if (error.status === 413) tooLarge(response);
    else if (error.status !== undefined && error.status < 500)
      answer(response, 'invalid', 'bad request');
    else next(error);
  };

  const router = Router();
  router.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    if (secrets().length > 0) next();
    else response.status(404).end();
  });
  router
    .route('/')
    .post(
      requireSignature,
      express.raw({ type: () => true, limit: MAX_BODY, inflate: false }),
      (_request, _response, next) => afterLookups(next),
      receive,
    )
    .all((_request, response) => {
      response.set('Allow', 'POST').status(405).end();
    });
  router.use(onUnreadable);
  return router;
}

function isSigned(body: Buffer, header: string | undefined, secrets: readonly string[]): boolean {
  const given = SIGNATURE.exec(header ?? '')?.[1];
  if (given === undefined) return false;
  const signature = Buffer.from(given, 'hex');
  // Every secret is tried, so the time does not tell which one matched.
  const matches = secrets.map((secret) =>
    timingSafeEqual(createHmac('sha256', secret).update(body).digest(), signature),
  );
  return matches.includes(true);
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
