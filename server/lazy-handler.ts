import type { RequestListener } from 'node:http';

/** Answers requests with what is loaded later. */
export interface LazyHandler {
  readonly handle: RequestListener;
  /** Loads it, unless it is loaded already. */
  readonly load: () => Promise<RequestListener>;
}

/** Requests that come before all is loaded wait for it; those that follow are answered at once. */
export function createLazyHandler(load: () => Promise<RequestListener>): LazyHandler {
  let loaded: RequestListener | undefined;
  let loading: Promise<RequestListener> | undefined;
  const loadOnce = async (): Promise<RequestListener> => {
    loading ??= load();
    loaded = await loading;
    return loaded;
  };
  return {
    load: loadOnce,
    handle: (request, response) => {
      if (loaded) loaded(request, response);
      else void loadOnce().then((handle) => handle(request, response));
    },
  };
}
