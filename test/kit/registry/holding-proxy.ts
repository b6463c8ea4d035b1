/** Stands in front of a registry, and holds clients back when so much has arrived there. */
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A list that is pushed, by its digest. */
const LIST = /\/manifests\/sha256:[0-9a-f]{64}$/;

export class HoldingProxy {
  readonly #server = createServer((asked, response) => this.#take(asked, response));
  readonly #behind: string;
  #arrived = 0;
  #most = Infinity;
  #isHeld: (() => void) | undefined;

  private constructor(behind: string) {
    this.#behind = behind;
  }

  /** `behind` is the registry, `HOST:PORT`. */
  static async start(behind: string): Promise<HoldingProxy> {
    const proxy = new HoldingProxy(behind);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `127.0.0.1:PORT`, speaking plain HTTP. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers nothing more once so many more manifests have arrived; settles when it holds somebody back. */
  async holdAfter(manifests: number): Promise<void> {
    this.#arrived = 0;
    this.#most = manifests;
    await new Promise<void>((resolve) => {
      this.#isHeld = resolve;
    });
  }

  /** Answers again. Those that it holds are cut off. */
  release(): void {
    this.#most = Infinity;
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #take(asked: IncomingMessage, response: ServerResponse): void {
    if (this.#arrived >= this.#most) {
      this.#isHeld?.();
      return;
    }
    const { method, url = '', headers } = asked;
    const [host, port] = this.#behind.split(':');
    const passed = request({ host, port, method, path: url, headers }, (answered) => {
      const { statusCode = 502, headers: sent } = answered;
      if (method === 'PUT' && LIST.test(url) && statusCode === 201) this.#arrived += 1;
      response.writeHead(statusCode, sent);
      answered.pipe(response);
    });
    passed.on('error', () => response.destroy());
    asked.pipe(passed);
  }
}
