import type { RequestListener } from 'node:http';

/** When to ask again, in seconds: what failed to load may be there by then. */
const RETRY_AFTER = '5';

/**
 * An app that is loaded when it is first needed. Requests that come before it is there wait for it.
 * When loading fails, those that wait get 503, and the next request tries again.
 */
export class DeferredApp {
  readonly #load: () => Promise<RequestListener>;
  readonly #onError: (error: unknown) => void;
  #loaded: RequestListener | undefined;
  #loading: Promise<void> | undefined;

  /** `onError` is told why it cannot be loaded, and of what it throws at requests that waited. */
  constructor(load: () => Promise<RequestListener>, onError: (error: unknown) => void) {
    this.#load = load;
    this.#onError = onError;
  }

  readonly handle: RequestListener = (request, response) => {
    if (this.#loaded) this.#loaded(request, response);
    else void this.#handleLater(request, response);
  };

  /** Loads it, unless that is done or under way. Never rejects. */
  async load(): Promise<void> {
    this.#loading ??= this.#loadNow();
    return this.#loading;
  }

  async #loadNow(): Promise<void> {
    try {
      this.#loaded = await this.#load();
    } catch (error) {
      this.#loading = undefined;
      this.#onError(error);
    }
  }

  async #handleLater(...[request, response]: Parameters<RequestListener>): Promise<void> {
    await this.load();
    try {
      if (this.#loaded) this.#loaded(request, response);
      else response.writeHead(503, { 'Retry-After': RETRY_AFTER }).end();
    } catch (error) {
      this.#onError(error);
      response.destroy();
    }
  }
}
