// Reads the body of a delivery, if there is room for it, and computes its HMACs on the way.
import { type Hmac, createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { askForBody } from '../../listen/unread-bodies.ts';
import type { BodyRefusal, BodyRoom } from './body-room.ts';

export interface ReadBodyOptions {
  readonly room: BodyRoom;
  /** One HMAC is computed with each of them. */
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

/**
 * Calls back once, with the body, or with the reason why it is not read; then nothing more of it is
 * read.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  options: ReadBodyOptions,
  onRead: (read: ReadBody | Unread) => void,
): void {
  new BodyReader(request, response, options, onRead).begin();
}

class BodyReader {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #room: BodyRoom;
  readonly #hmacs: readonly Hmac[];
  readonly #onRead: (read: ReadBody | Unread) => void;
  readonly #length: number | undefined;
  readonly #body;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { room, secrets, client, isKept }: ReadBodyOptions,
    onRead: (read: ReadBody | Unread) => void,
  ) {
    this.#request = request;
    this.#response = response;
    this.#room = room;
    this.#onRead = onRead;
    this.#hmacs = secrets.map((secret) => createHmac('sha256', secret));
    const announced = request.headers['content-length'];
    this.#length = announced === undefined ? undefined : Number(announced);
    this.#body = room.open({
      client,
      length: this.#length,
      isKept,
      onRefused: (refusal) => this.#end(refusal),
      onTurn: () => this.#read(),
    });
  }

  begin(): void {
    const { large, small } = this.#room.limits;
    const length = this.#length ?? 0;
    const request = this.#request;
    request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    request.pause();
    if (length > large) this.#body.refuse('too-large');
    else if (length <= small) this.#read();
    // A large one waits for its turn, which may come at once.
    else this.#room.mayGrow(this.#body, length);
  }

  #read(): void {
    askForBody(this.#response);
    this.#request.resume();
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
    this.#onRead(read);
  }
}
