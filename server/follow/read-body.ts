// Reads the body of a delivery, as far as there is room, and computes its HMACs on the way.
import { type Hmac, createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { askForBody } from '../listen/unread-bodies.ts';
import type { BodyRefusal, BodyRoom } from './body-room.ts';

export interface ReadBodyOptions {
  readonly room: BodyRoom;
  /** The HMAC by each of them is computed. */
  readonly secrets: readonly string[];
  /** Whose the body is. */
  readonly client: string;
  /** Whether its bytes are wanted; the HMACs always are. */
  readonly isKept: boolean;
}

export interface ReadBody {
  /** Empty unless they are kept. */
  readonly bytes: Buffer;
  /** HMAC-SHA256, in the order of the secrets. */
  readonly digests: readonly Buffer[];
}

/** Why there is no body; `gone`: the client went away. */
export type Unread = BodyRefusal | 'gone';

/** Settles with the body, or the reason why it is not read; then the rest is not read any more. */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  options: ReadBodyOptions,
): Promise<ReadBody | Unread> {
  return new Promise((resolve) => new BodyReader(request, response, options, resolve));
}

class BodyReader {
  readonly #request: IncomingMessage;
  readonly #hmacs: readonly Hmac[];
  readonly #settle: (read: ReadBody | Unread) => void;
  readonly #body;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { room, secrets, client, isKept }: ReadBodyOptions,
    settle: (read: ReadBody | Unread) => void,
  ) {
    this.#request = request;
    this.#settle = settle;
    this.#hmacs = secrets.map((secret) => createHmac('sha256', secret));
    const announced = request.headers['content-length'];
    const length = announced === undefined ? undefined : Number(announced);
    const begin = (): void => {
      askForBody(response);
      request.resume();
    };
    this.#body = room.open({
      client,
      length,
      isKept,
      onRefused: (refusal) => this.#end(refusal),
      onTurn: begin,
    });
    request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    request.pause();
    if ((length ?? 0) > room.limits.large) this.#body.refuse('too-large');
    // A large one is called when it is its turn, which may be now.
    else if (!isKept || (length ?? 0) <= room.limits.small) begin();
    else room.mayGrow(this.#body, length);
  }

  readonly #onData = (piece: Buffer): void => {
    for (const hmac of this.#hmacs) hmac.update(piece);
    if (!this.#body.add(piece)) this.#request.pause();
  };

  readonly #onEnd = (): void => {
    const { bytes } = this.#body;
    const digests = this.#hmacs.map((hmac) => hmac.digest());
    this.#body.close();
    this.#end({ bytes, digests });
  };

  readonly #onClose = (): void => {
    this.#body.close();
    this.#end('gone');
  };

  #end(read: ReadBody | Unread): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    this.#settle(read);
  }
}
