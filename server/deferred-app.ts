import type { RequestListener } from 'node:http';

/** Answers requests with what is loaded later. */
export interface LazyHandler {
  readonly handle: RequestListener;
  /** Loads it, unless it is loaded already; `onError` is told of what fails. */
  readonly load: () => Promise<void>;
}

/** When to try again, in seconds: what failed to load may be there by then. */
const RETRY_AFTER = '5';

/**
 * Requests that come before all is loaded wait for it; those that follow are answered at once. When
 * that fails, those that wait get 503, and the next request tries again.
 */
export function createLazyHandler(
  load: () => Promise<RequestListener>,
  onError: (error: unknown) => void,
): LazyHandler {
  let loaded: RequestListener | undefined;
  let loading: Promise<void> | undefined;
  const loadNow = async (): Promise<void> => {
    try {
      loaded = await load();
    } catch (error) {
      loading = undefined;
      onError(error);
    }
  };
  const loadOnce = async (): Promise<void> => {
    loading ??= loadNow();
    return loading;
  };
  const handleLater = async (
    ...[request, response]: Parameters<RequestListener>
  ): Promise<void> => {
    await loadOnce();
    try {
      if (loaded) loaded(request, response);
      else response.writeHead(503, { 'Retry-After': RETRY_AFTER }).end();
    } catch (error) {
      onError(error);
      response.destroy();
    }
  };
  return {
    load: loadOnce,
    handle: (request, response) => {
      if (loaded) loaded(request, response);
      else void handleLater(request, response);
    },
  };
}
