// Reads the body of a delivery, if there is room for it, and computes its HMACs on the way.
import type { Hmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { askForBody } from '../../listen/unread-bodies.ts';
import type { BodyRefusal, BodyRoom } from './body-room.ts';
import { FormPayload } from './form-payload.ts';

export interface ReadBodyOptions {
  readonly room: BodyRoom;
  /** Those that are computed; they may have begun. */
  readonly hmacs: readonly Hmac[];
  /** Whether they are over the JSON in a form, instead of over the bytes of the body. */
  readonly isOverPayload: boolean;
  /** Whose the body is. */
  readonly client: string;
  /** Whether its bytes are wanted; the HMACs always are. */
  readonly isKept: boolean;
}

export interface ReadBody {
  /** Empty unless they are kept. */
  readonly bytes: Buffer;
  /** In the order of the HMACs; empty where they should be over the JSON in a form, and it has none. */
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
  readonly #form: FormPayload | undefined;
  readonly #onRead: (read: ReadBody | Unread) => void;
  readonly #length: number | undefined;
  readonly #body;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { room, hmacs, isOverPayload, client, isKept }: ReadBodyOptions,
    onRead: (read: ReadBody | Unread) => void,
  ) {
    this.#request = request;
    this.#response = response;
    this.#room = room;
    this.#onRead = onRead;
    this.#hmacs = hmacs;
    this.#form = isOverPayload ? new FormPayload() : undefined;
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
    const signed = this.#form?.decode(piece) ?? piece;
    for (const hmac of this.#hmacs) hmac.update(signed);
    if (!this.#body.add(piece)) this.#request.pause();
  };

  readonly #onEnd = (): void => {
    const { bytes } = this.#body;
    const isSound = this.#form?.end() ?? true;
    const digests = isSound ? this.#hmacs.map((hmac) => hmac.digest()) : [];
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
