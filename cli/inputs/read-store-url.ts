import {
  type StoreUrl,
  StoreUrlError,
  hasCredentials,
  parseStoreUrl,
} from '../../generator/nodes/store-url.ts';
import { UsageError } from '../base/usage-error.ts';

/** What people are told to give. */
export const STORE_URL_HINT = 'give --url https://signatures.example.com';

/**
 * Reads the value of `--url`.
 * @throws UsageError if nodes could not use it.
 */
export function readStoreUrl(text: string): StoreUrl {
  try {
    return parseStoreUrl(text);
  } catch (cause) {
    if (!(cause instanceof StoreUrlError)) throw cause;
    throw new UsageError(`--url: ${cause.message}`, STORE_URL_HINT, { cause });
  }
}

/**
 * Reads the value of `--url` for `serve`, which shows it to whoever opens its page.
 * @throws UsageError
 */
export function readShownUrl(text: string | undefined): StoreUrl | undefined {
  if (text === undefined) return undefined;
  const url = readStoreUrl(text);
  if (new URL(url.base).protocol === 'file:') {
    throw new UsageError(`--url: expected an address of this server, got ${text}`, STORE_URL_HINT);
  }
  if (hasCredentials(url)) throw refuseToShow('password');
  if (url.query !== '') throw refuseToShow('query');
  return url;
}

function refuseToShow(part: string): UsageError {
  const message = `--url: expected no ${part}, as the landing page shows the address`;
  return new UsageError(message, 'give the address without it');
}
