// What nodes make of an address in registries.d, beside the one that they should have.
import {
  StoreUrlError,
  isOpenToOthers,
  isRegistryRoot,
  namesRegistry,
  parseStoreUrl,
} from '../store-url.ts';
import type { NodeFindingCode, Severity } from './finding.ts';

/** What is wrong with an address. */
export interface StoreFault {
  readonly code: Extract<
    NodeFindingCode,
    | 'no-scheme'
    | 'unsupported-scheme'
    | 'store-unusable'
    | 'trailing-slash'
    | 'http-store'
    | 'registry-as-store'
    | 'store-differs'
  >;
  readonly severity: Severity;
  /** "expected X, got Y", without passwords. */
  readonly message: string;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\//;
const SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'file']);
const HAS_SLASH_AT_END = /^https?:\/\/[^?]*\/(?:\?|$)/i;

/** The fault of an address that a section has for a scope; undefined if there is none. */
export function judgeStore(
  untrustedText: string,
  wanted: string,
  scope: string,
): StoreFault | undefined {
  const expected = `expected ${quoteStore(wanted)}, got ${quoteStore(untrustedText)}`;
  const fault = (code: StoreFault['code'], note = ''): StoreFault => ({
    code,
    severity: 'fault',
    message: `${expected}${note}`,
  });
  const scheme = SCHEME.exec(untrustedText)?.[1];
  if (scheme === undefined) return fault('no-scheme');
  if (!SCHEMES.has(scheme.toLowerCase())) return fault('unsupported-scheme');
  const got = normalize(untrustedText);
  if (got === undefined) return fault('store-unusable');
  const want = normalize(wanted);
  if (got.text === want?.text) {
    if (HAS_SLASH_AT_END.test(untrustedText)) return fault('trailing-slash');
    return warnOf(wanted, scope);
  }
  if (got.isPlainHttp && `https${got.text.slice('http'.length)}` === want?.text) {
    return fault('http-store');
  }
  const url = parseStoreUrl(got.text);
  if (namesRegistry(url, scope) && isRegistryRoot(url)) {
    return fault('registry-as-store', ', the registry itself');
  }
  return fault('store-differs');
}

/** What is there as it was asked for, and may yet be a mistake. */
function warnOf(wanted: string, scope: string): StoreFault | undefined {
  const url = parseStoreUrl(wanted);
  const got = `got ${quoteStore(wanted)}`;
  if (isOpenToOthers(url)) {
    return { code: 'http-store', severity: 'warning', message: `expected https, ${got}` };
  }
  if (namesRegistry(url, scope)) {
    const where = isRegistryRoot(url) ? 'the registry itself' : 'on the host of the registry';
    const message = `expected a store, ${got}, ${where}`;
    return { code: 'registry-as-store', severity: 'warning', message };
  }
  return undefined;
}

interface NormalizedStore {
  readonly text: string;
  readonly isPlainHttp: boolean;
}

/** The form in which equal stores are equal texts; undefined where nodes change or refuse it. */
function normalize(text: string): NormalizedStore | undefined {
  try {
    // Nodes take `file:/srv` for `file:///srv`.
    const { base, query } = parseStoreUrl(text.replace(/^file:\/(?!\/)/i, 'file:///'));
    const { protocol, username, password, host, pathname } = new URL(base);
    const login = password === '' ? username : `${username}:${password}`;
    const path = pathname.replace(/\/+$/, '');
    return {
      text: `${protocol}//${login === '' ? '' : `${login}@`}${host}${path}${query}`,
      isPlainHttp: protocol === 'http:',
    };
  } catch (error) {
    if (error instanceof StoreUrlError) return undefined;
    throw error;
  }
}

/** An address for people, without user and password. */
export function quoteStore(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/?#]*@/, '//…@'));
}
