// The address of a store as it stands in registries.d, and what nodes make of it.
import { StoreUrlError, isOpenToOthers, parseStoreUrl } from '../nodes/store-url.ts';
import { type ProbeFinding, createProbeFinding } from './probe-finding.ts';

export interface ProbedStore {
  /** For its parts; not what is asked for. */
  readonly url: URL;
  /** Scheme, authority and path, without slashes at the end. */
  readonly base: string;
  /** The slashes at its end, which nodes keep. */
  readonly slashes: string;
  /** With its `?`; '' if there is none. */
  readonly query: string;
}

/**
 * Reads an address.
 * @throws StoreUrlError
 */
export function parseStoreAddress(text: string): ProbedStore {
  const { base, query } = parseStoreUrl(text);
  const [, slashes = ''] = /(\/*)(?:\?.*)?$/s.exec(text) ?? [];
  const url = new URL(base);
  if (!isDecodable(`${url.username}${url.password}`)) {
    throw new StoreUrlError('expected a user name and a password that Go can decode');
  }
  return { url, base, slashes, query };
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** What nodes ask for, for a path below the store, as it goes over the wire; `isShown`: what people may see of it. */
export function formatQuestion(
  { url, base, slashes, query }: ProbedStore,
  path: string,
  isShown = false,
): string {
  const below = `${slashes}/${path}`;
  if (isShown) return `${url.pathname.replace(/\/+$/, '')}${below}`;
  return `${base}${below}${query}`;
}

/** The address without what nobody else should read. */
export function formatShownAddress({ url, slashes, query }: ProbedStore): string {
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path}${slashes}${query === '' ? '' : '?…'}`;
}

/** What can be said of an address before anybody is asked. */
export function inspectAddress(store: ProbedStore): readonly ProbeFinding[] {
  const { url, base, slashes, query } = store;
  const got = formatShownAddress(store);
  const findings: ProbeFinding[] = [];
  if (isOpenToOthers({ base, query })) findings.push(createProbeFinding('http-store', { got }));
  if (url.username !== '' || url.password !== '' || query !== '') {
    findings.push(createProbeFinding('secret-in-url', { got }));
  }
  if (slashes !== '') findings.push(createProbeFinding('trailing-slash', { got }));
  return findings;
}
