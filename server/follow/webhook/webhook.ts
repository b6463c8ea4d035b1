// The webhook of git hosts: the proof of origin, over the raw bytes where it is a signature, and only then
// the JSON. All that is believed of a delivery is "look again", so repeated ones are harmless. What is
// authentic but of no use gets 2xx: GitLab and Bitbucket stop delivering to whom they count failures of.
import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { ProgramLog } from '../../../generator/system/program-log.ts';
import { formatJson, toPrintable } from '../../../generator/terms/text.ts';
import { yieldToLookups } from '../../lookups/yield-to-lookups.ts';
import { type BodyLimits, BodyRoom } from './body-room.ts';
import {
  type DeliveryEvent,
  type OtherEvent,
  isTestOfBitbucket,
  readDeliveryEvent,
  readDeliveryName,
} from './events/delivery-event.ts';
import type { Push, ReadPush } from './events/pushes.ts';
import { isForm, parsePayload } from './form-payload.ts';
import { type KeptDelivery, RELAYED_HEADER } from './kept-delivery.ts';
import { findProof } from './proofs/find-proof.ts';
import {
  type Proof,
  type SecretProof,
  type SignatureProof,
  isSecret,
  isSigned,
  startHmacs,
} from './proofs/proof.ts';
import { WEBHOOK_FORGES, type WebhookForge } from './proofs/webhook-forges.ts';
import { type ReadBody, type Unread, readBody } from './read-body.ts';

/** When to deliver again, in seconds. */
const RETRY_AFTER = '10';
const CLEAR_HINT =
  'let the git host sign, as GitLab does with a signing token, or end TLS here (--tls-cert) or at a proxy that --trusted-proxies names';
/** Why a well-formed proof is wrong. */
const WRONG = {
  signature: 'it was made with another secret, or for another body',
  secret: 'it is none of the secrets',
} as const;

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
/** `unknown`: without a proof nobody knows. */
export type DeliveryForge = WebhookForge | 'unknown';

export interface WebhookOptions {
  /** All that are valid now; if there is none, `/webhook` answers 404. */
  readonly secrets: () => readonly string[];
  /** Whose deliveries are taken. */
  readonly forges: readonly WebhookForge[];
  /** The branch that is followed; undefined takes a push to any branch. */
  readonly branch: () => string | undefined;
  /** Called after the answer, with the pushed commit unless the branch was deleted. */
  readonly onPush: (commit: string | undefined) => void;
  /** Called after the answer with each delivery that leads to a refresh. */
  readonly onVerified?: (delivery: KeptDelivery) => void;
  /** Called with every delivery, before the answer. */
  readonly onDelivery: (result: WebhookResult, forge: DeliveryForge) => void;
  readonly log: ProgramLog;
  /** Names the client of a request; the room for bodies is shared fairly among clients. */
  readonly clientOf: (request: Request) => string;
  readonly now: () => Date;
  readonly limits?: BodyLimits;
}

/** One that may be authentic. */
interface Delivery {
  readonly request: Request;
  readonly response: Response;
  readonly proof: SignatureProof | SecretProof;
  readonly event: DeliveryEvent;
}

/** One that is. */
interface VerifiedDelivery extends Delivery {
  /** The body as it came; empty if it leads to nothing, whatever is in it. */
  readonly bytes: Buffer;
}

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #room: BodyRoom;
  /** Those whose secrets were seen to come in clear. */
  readonly #inClear = new Set<WebhookForge>();

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
      .post(this.#receive)
      .all((_request, response) => {
        response.set('Allow', 'POST, OPTIONS').status(405).end();
      });
    return router;
  }

  /** A body without a proof is not read: anybody may send 25 MiB. */
  readonly #receive: RequestHandler = (request, response) => {
    const { secrets, forges, now } = this.#options;
    const headers = request.headersDistinct;
    const proof = findProof(headers, forges, now().getTime());
    if (proof === undefined) this.#answerUnproven(request, response);
    else if (proof.kind === 'broken') this.#answerUnauthorized(response, proof);
    else if (proof.kind === 'secret' && !isSecret(proof, secrets()))
      this.#answerUnauthorized(response, proof);
    // The signature is over the bytes as they come, not over what they unpack to.
    else if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
      this.#answer(response, proof.forge, 'invalid', 'expected a body without Content-Encoding');
    else {
      this.#read({ request, response, proof, event: readDeliveryEvent(proof.forge, headers) });
    }
  };

  #read(delivery: Delivery): void {
    const { request, response, proof, event } = delivery;
    const { secrets, clientOf } = this.#options;
    const isSignature = proof.kind === 'signature';
    const reading = {
      room: this.#room,
      client: clientOf(request),
      hmacs: isSignature ? startHmacs(proof, secrets()) : [],
      isOverPayload: isSignature && proof.isOverJson && isForm(request.get('content-type')),
      // Of no other event does the body matter.
      isKept: event.kind === 'payload' || event.kind === 'any',
    };
    readBody(request, response, reading, (read) => this.#judge(delivery, read));
  }

  #judge(delivery: Delivery, read: ReadBody | Unread): void {
    const { response, proof } = delivery;
    if (typeof read === 'string') this.#answerUnread(response, proof.forge, read);
    else if (proof.kind === 'signature' && !isSigned(proof, read.digests))
      this.#answerUnauthorized(response, proof);
    else yieldToLookups(() => this.#handle({ ...delivery, bytes: read.bytes }));
  }

  #handle(delivery: VerifiedDelivery): void {
    const { request, response, proof, event } = delivery;
    const { forge } = proof;
    if (proof.kind === 'secret' && !request.secure) this.#warnOfClear(proof);
    if (event.kind === 'payload') this.#handlePayload(delivery, event.read);
    else if (event.kind === 'any') this.#accept(delivery, undefined);
    else if (event.kind === 'ping') this.#answer(response, forge, 'ping', 'pong');
    else this.#ignore(delivery, event);
  }

  #handlePayload(delivery: VerifiedDelivery, read: ReadPush<OtherEvent>): void {
    const { request, response, proof, bytes } = delivery;
    const told = read(parsePayload(bytes, request.get('content-type')));
    if (told === undefined) {
      const where = isForm(request.get('content-type'))
        ? ' in the field "payload" of the form'
        : '';
      const message = `expected the JSON of a push event${where}`;
      this.#answer(response, proof.forge, 'invalid', message);
    } else if (told.kind === 'push') this.#handlePush(delivery, told);
    else this.#ignore(delivery, told);
  }

  #handlePush(delivery: VerifiedDelivery, { refs }: Push): void {
    const branch = this.#options.branch();
    const [first, ...others] = refs;
    const followed =
      branch === undefined ? first : refs.find(({ ref }) => ref === `refs/heads/${branch}`);
    if (followed) {
      this.#accept(delivery, followed.commit);
      return;
    }
    const is = others.length === 0 ? 'is' : `and ${others.length} others are`;
    const message = first
      ? `nothing to do: ${JSON.stringify(first.ref)} ${is} not the branch ${branch}`
      : 'nothing to do: no ref was pushed';
    this.#answer(delivery.response, delivery.proof.forge, 'ignored', message);
  }

  /** The one place where a delivery leads to a refresh. */
  #accept({ request, response, proof, bytes }: VerifiedDelivery, commit: string | undefined): void {
    // Whether or not the client waits for the answer.
    yieldToLookups(() => {
      this.#answer(response, proof.forge, 'accepted', 'refresh queued');
      yieldToLookups(() => {
        this.#options.onPush(commit);
        this.#options.onVerified?.({ bytes, headers: request.headers });
      });
    });
  }

  #ignore({ response, proof }: Delivery, { name }: OtherEvent): void {
    const message = `nothing to do for the event ${JSON.stringify(name)}`;
    this.#answer(response, proof.forge, 'ignored', message);
  }

  /** Once for each forge, when it has proved that the secret is the right one. */
  #warnOfClear({ forge, header }: SecretProof): void {
    if (this.#inClear.has(forge)) return;
    this.#inClear.add(forge);
    this.#options.log.warn(
      { forge, hint: CLEAR_HINT },
      `webhook: ${header} shows the secret to the network: it came without TLS`,
    );
  }

  #answerUnproven(request: Request, response: Response): void {
    const { forges } = this.#options;
    if (forges.includes('bitbucket') && isTestOfBitbucket(request.headersDistinct)) {
      const message =
        'pong; Bitbucket does not sign this test: a push will tell whether the secret is right';
      this.#answer(response, 'bitbucket', 'ping', message);
      return;
    }
    const isNarrow = forges.length < WEBHOOK_FORGES.length;
    const only = isNarrow ? `, which is one of ${forges.join(', ')}` : '';
    const message = `no proof of origin: set the secret at the git host${only}`;
    this.#answer(response, 'unknown', 'unauthorized', message);
  }

  #answerUnauthorized(response: Response, { forge, header, ...proof }: Proof): void {
    const why = proof.kind === 'broken' ? proof.expected : WRONG[proof.kind];
    this.#answer(response, forge, 'unauthorized', `the ${header} header is wrong: ${why}`);
  }

  #answerUnread(response: Response, forge: WebhookForge, unread: Unread): void {
    // The server does not wait for the rest of the body.
    response.set('Connection', 'close');
    if (unread === 'too-large') {
      this.#answer(response, forge, unread, `expected at most ${this.#room.limits.large} bytes`);
    } else if (unread === 'too-slow') {
      this.#answer(response, forge, unread, 'the body did not arrive in time');
    } else if (unread === 'busy') {
      response.set('Retry-After', RETRY_AFTER);
      this.#answer(response, forge, unread, 'too many deliveries at once; try again');
    } else {
      this.#answer(response, forge, 'invalid', 'the client went away');
    }
  }

  #answer(response: Response, forge: DeliveryForge, result: WebhookResult, message: string): void {
    const { log, onDelivery } = this.#options;
    const status = STATUS[result];
    const { method, headersDistinct } = response.req;
    const delivery = forge === 'unknown' ? '' : readDeliveryName(forge, headersDistinct);
    const relayed = headersDistinct[RELAYED_HEADER] !== undefined;
    const facts = { status, forge, delivery: toPrintable(delivery), method };
    log.info({ ...facts, ...(relayed && { relayed }) }, `webhook: ${message}`);
    onDelivery(result, forge);
    // Forges show the answer, and it may repeat what they sent.
    response.status(status).type('json').send(formatJson({ message }));
  }
}
