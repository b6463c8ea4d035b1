import { type StoreUrl, StoreUrlError, parseStoreUrl } from '../../generator/nodes/store-url.ts';

/** The address of the store as the page shows it. */
export interface StoreAddress {
  readonly url: StoreUrl;
  /** Who says so: the operator, the reader's own request, or nobody. */
  readonly origin: 'configured' | 'asked' | 'unknown';
}

const PLACEHOLDER = parseStoreUrl('https://this-host');

/** Names and addresses of hosts: nothing that a shell or a policy would read in another way. */
const HOST = /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/i;

/**
 * The address under which the store is found: the configured one, else the one that was asked.
 * `untrustedHost` is a Host header, undefined where there was none.
 */
export function findStoreAddress(
  configured: StoreUrl | undefined,
  protocol: 'http' | 'https',
  untrustedHost: string | undefined,
): StoreAddress {
  if (configured) return { url: configured, origin: 'configured' };
  const asked = untrustedHost !== undefined && HOST.test(untrustedHost);
  const url = asked ? tryStoreUrl(`${protocol}://${untrustedHost}`) : undefined;
  return url ? { url, origin: 'asked' } : { url: PLACEHOLDER, origin: 'unknown' };
}

function tryStoreUrl(text: string): StoreUrl | undefined {
  try {
    return parseStoreUrl(text);
  } catch (error) {
    if (error instanceof StoreUrlError) return undefined;
    throw error;
  }
}
