// A receiver of events over HTTP or HTTPS, which answers as the test says and remembers what came.
import { once } from 'node:events';
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  createServer,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What came in one try. */
export interface ReceivedPost {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** PEM. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Answers a request; may leave it open. */
export type AnswerPost = (response: ServerResponse, post: ReceivedPost) => Promise<void> | void;

export class ListeningReceiver {
  readonly url: string;
  /** Every try, the oldest first. */
  readonly posts: ReceivedPost[] = [];
  /** Tries that waited for their answer at once, at most. */
  mostAtOnce = 0;
  #waiting = 0;
  answer: AnswerPost = (response) => void response.writeHead(204).end();
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** On a port, or on a free one. */
  static async listen(tls?: ServerTls, port = 0): Promise<ListeningReceiver> {
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      void receiver.#take(request, response);
    const server = tls ? createTlsServer(tls, handle) : createServer(handle);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const { port: own } = server.address() as AddressInfo;
    const receiver = new ListeningReceiver(
      server,
      `http${tls ? 's' : ''}://127.0.0.1:${own}/events`,
    );
    return receiver;
  }

  /** What came, the oldest first. */
  get bodies(): readonly Record<string, unknown>[] {
    return this.posts.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url: path, headers } = request;
    const body = await text(request).catch(() => undefined);
    // Who sent it has gone.
    if (body === undefined) return;
    const post = { method, path, headers, body };
    this.posts.push(post);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#waiting);
    await this.answer(response, post);
    this.#waiting--;
  }
}
