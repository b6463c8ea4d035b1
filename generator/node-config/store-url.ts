// The address under which nodes find the store, as they put it together themselves
// (containers/image docker/registries_d.go, lookasideStorageBaseURL): whatever they would lose or
// mend on the way is refused here.
import { isIP } from 'node:net';

/** A base address without a slash at its end. */
export interface StoreUrl {
  /** Scheme, authority and path. */
  readonly base: string;
  /** With its `?`; '' if there is none. Nodes keep it behind the path. */
  readonly query: string;
}

/** Text that nodes could not use as the address of a store. */
export class StoreUrlError extends Error {
  override readonly name = 'StoreUrlError';
}

const SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:', 'file:']);
/** What comes through as it is: nodes decode escapes and encode again by their own rules. */
const PLAIN_PATH = /^[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;
const PARTS = /^([a-z]+:\/\/[^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i;

/**
 * Reads an address; slashes at its end are dropped.
 * @throws StoreUrlError saying what nodes would make of it.
 */
export function parseStoreUrl(text: string): StoreUrl {
  const got = `got ${JSON.stringify(text)}`;
  const [, authority, path = '', query = '', fragment] = PARTS.exec(text) ?? [];
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || authority === undefined || !SCHEMES.has(url.protocol)) {
    throw new StoreUrlError(`expected an https:// address of a store, ${got}`);
  }
  if (url.protocol === 'file:' ? url.host !== '' : url.hostname === '') {
    throw new StoreUrlError(`expected https://HOST or file:///DIR, ${got}`);
  }
  if (fragment !== undefined) {
    throw new StoreUrlError(`expected no fragment, which nodes drop, ${got}`);
  }
  if (!PLAIN_PATH.test(path) || DOT_SEGMENT.test(path)) {
    const rule = 'expected a path without escapes and dot segments, which nodes change';
    throw new StoreUrlError(`${rule}, ${got}`);
  }
  return { base: authority + path.replace(/\/+$/, ''), query };
}

/** The address for signatures that lie below a directory of the store; '' is the store itself. */
export function formatStoreUrl({ base, query }: StoreUrl, directory: string): string {
  return `${base}${directory === '' ? '' : `/${directory}`}${query}`;
}

/** Whether whoever is on the way to the store could withhold signatures. */
export function isOpenToOthers({ base }: StoreUrl): boolean {
  const { protocol, hostname } = new URL(base);
  const isLoopback =
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    (isIP(hostname) === 4 && hostname.startsWith('127.'));
  return protocol === 'http:' && !isLoopback;
}

/** Whether everybody who may read a node's configuration reads a password in it. */
export function hasCredentials({ base }: StoreUrl): boolean {
  const { username, password } = new URL(base);
  return username !== '' || password !== '';
}

/** Whether the address is that of a registry, which knows nothing of signatures, by its scope. */
export function namesRegistry({ base }: StoreUrl, scope: string): boolean {
  const { host, pathname } = new URL(base);
  return pathname.replace(/\/+$/, '') === '' && host !== '' && host === scope.split('/', 1)[0];
}
