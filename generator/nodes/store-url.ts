// The address at which nodes find the store, as they put it together themselves
// (containers/image docker/registries_d.go, lookasideStorageBaseURL): they decode its path, add
// that of the image, and encode the whole by the rules of Go's net/url. What they would lose on the
// way is refused here, and the rest is written as they ask for it.
import { isIP } from 'node:net';
import { parseUrl } from '../terms/text.ts';

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
const PARTS = /^[a-z]+:\/\/[^/?#]*([^?#]*)(\?[^#]*)?(#.*)?$/iu;
/** URL takes them away or turns them into slashes; nodes refuse them. */
const MENDED = /[\s\p{Cc}\\]/u;
/** Escapes that are lost when the path is decoded, and those that the store answers with 404. */
const LOST_ESCAPES = /%(?:2f|5c|00)/i;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;
const PLAIN_QUERY = /^[!-~]*$/;

/**
 * Reads an address; slashes at its end are dropped.
 * @throws StoreUrlError saying what nodes would make of it.
 */
export function parseStoreUrl(text: string): StoreUrl {
  const got = `got ${JSON.stringify(text)}`;
  const [matched, written = '', query = '', fragment] = PARTS.exec(text) ?? [];
  const url = matched === undefined ? undefined : parseUrl(text);
  if (!url || !SCHEMES.has(url.protocol) || MENDED.test(text)) {
    throw new StoreUrlError(`expected an https:// address of a store, ${got}`);
  }
  const isFile = url.protocol === 'file:';
  if (isFile ? url.host !== '' : url.hostname === '') {
    throw new StoreUrlError(`expected https://HOST or file:///DIR, ${got}`);
  }
  if (fragment !== undefined || (isFile && query !== '')) {
    const part = fragment === undefined ? 'query after a file' : 'fragment';
    throw new StoreUrlError(`expected no ${part}, which nodes ignore, ${got}`);
  }
  if (!PLAIN_QUERY.test(query)) {
    throw new StoreUrlError(`expected a query in ASCII, ${got}`);
  }
  const path = decodePath(written);
  if (path === undefined || DOT_SEGMENT.test(path)) {
    const rule = 'expected a path without dot segments and escapes that nodes change';
    throw new StoreUrlError(`${rule}, ${got}`);
  }
  const authority = `${url.protocol}//${credentialsOf(url)}${url.host}`;
  return { base: authority + encodePath(path.replace(/\/+$/, '')), query };
}

/** The address for signatures that lie below a directory of the store; '' is the store itself. */
export function formatStoreUrl({ base, query }: StoreUrl, directory: string): string {
  return `${base}${directory === '' ? '' : `/${encodePath(directory)}`}${query}`;
}

/** The address of a directory of the machine itself, absolute. */
export function formatFileUrl(directory: string): string {
  return `file://${encodePath(directory)}`;
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
  return credentialsOf(new URL(base)) !== '';
}

/** Whether the host is that of the registry of a scope, whatever the path. */
export function namesRegistry(url: StoreUrl, scope: string): boolean {
  const { host, protocol } = new URL(url.base);
  const registry = scope.split('/', 1)[0] ?? '';
  // Signatures often have a host of their own below the same domain.
  if (registry.startsWith('*.')) return isRegistryApi(url) && host.endsWith(registry.slice(1));
  return host !== '' && toHost(host, protocol) === toHost(registry, protocol);
}

/** Whether the path is one where registries answer, and hardly a store beside them. */
export function isRegistryRoot({ base }: StoreUrl): boolean {
  const { pathname } = new URL(base);
  return pathname.replace(/\/+$/, '') === '' || isRegistryApi({ base });
}

function isRegistryApi({ base }: Pick<StoreUrl, 'base'>): boolean {
  return /^\/v2(?:\/|$)/.test(new URL(base).pathname);
}

const DOCKER_HUB: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io']);

/** A host in the form in which equal registries are equal texts. */
function toHost(host: string, protocol: string): string {
  const port = protocol === 'http:' ? /:80$/ : /:443$/;
  const plain = host.toLowerCase().replace(port, '');
  return DOCKER_HUB.has(plain) ? 'docker.io' : plain;
}

/** `USER:PASSWORD@`, or ''. */
function credentialsOf({ username, password }: URL): string {
  if (username === '' && password === '') return '';
  return `${username}${password === '' ? '' : `:${password}`}@`;
}

function decodePath(written: string): string | undefined {
  if (LOST_ESCAPES.test(written)) return undefined;
  try {
    return decodeURIComponent(written);
  } catch {
    return undefined;
  }
}

/** As Go's net/url does (shouldEscape, encodePath). */
function encodePath(path: string): string {
  const encoded = encodeURI(path.toWellFormed());
  return encoded.replaceAll(
    /[?#!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
