import {
  type StoreUrl,
  StoreUrlError,
  hasCredentials,
  parseStoreUrl,
} from '../../generator/nodes/store-url.ts';
import { Complaint } from '../base/usage-error.ts';

/** What people are told to give. */
export const STORE_URL_HINT = 'give --url https://signatures.example.com';

/**
 * Reads the value of `--url`.
 * @throws Complaint if nodes could not use it.
 */
export function readStoreUrl(text: string): StoreUrl {
  try {
    return parseStoreUrl(text);
  } catch (cause) {
    if (!(cause instanceof StoreUrlError)) throw cause;
    throw new Complaint(`--url: ${cause.message}`, STORE_URL_HINT, { cause });
  }
}

/**
 * Reads the value of `--url` for `serve`, which shows it to whoever opens its page.
 * @throws Complaint
 */
export function readShownUrl(text: string | undefined): StoreUrl | undefined {
  if (text === undefined) return undefined;
  const url = readStoreUrl(text);
  if (new URL(url.base).protocol === 'file:') {
    throw new Complaint(`--url: expected an address of this server, got ${text}`, STORE_URL_HINT);
  }
  if (hasCredentials(url)) throw refuseToShow('password');
  if (url.query !== '') throw refuseToShow('query');
  return url;
}

function refuseToShow(part: string): Complaint {
  const message = `--url: expected no ${part}, as the page for people shows the address`;
  return new Complaint(message, 'give the address without it');
}
