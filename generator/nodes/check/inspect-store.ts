// Which store nodes ask for the images of one scope, beside the one that they should ask.
import type { Scope } from '../../policy/policy.ts';
import {
  type NodeFinding,
  createFinding,
  nameScope,
  type NodeFindingCode,
  type Severity,
} from './finding.ts';
import {
  type FoundStore,
  READ_MEMBERS,
  type Sections,
  WRITE_MEMBERS,
  findStore,
} from './find-store.ts';
import { storeOf, toSection } from '../registries-d.ts';
import type { WantedNode } from './wanted-node.ts';
import {
  StoreUrlError,
  isOpenToOthers,
  isRegistryRoot,
  namesRegistry,
  parseStoreUrl,
} from '../store-url.ts';

/** What is wrong with an address. */
interface StoreFault {
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

interface NormalizedStore {
  readonly text: string;
  readonly isPlainHttp: boolean;
}

/** What was found of a scope. */
export interface InspectedStore {
  readonly findings: readonly NodeFinding[];
  /** What follows from a section that is not there: its cause may be found elsewhere. */
  readonly lost: NodeFinding | undefined;
}

const NOTHING: InspectedStore = { findings: [], lost: undefined };

/** Looks the stores of a scope up as current and, where nodes may have them, old clients do. */
export function inspectStore(
  scope: Scope,
  sections: Sections,
  wanted: WantedNode,
  registriesPath: string,
): InspectedStore {
  const { name } = scope;
  const store = storeOf(scope, wanted);
  const current = findStore(sections, name, READ_MEMBERS.current);
  const fault = current && judgeFor(scope, current.untrustedText, store);
  const isElsewhere = fault?.code === 'store-differs' && current?.scope !== name;
  if (!current || isElsewhere) {
    return { ...NOTHING, lost: describeLost(name, store, current, sections, registriesPath) };
  }
  const staging = inspectStaging(scope, sections, wanted, current.path);
  const old = wanted.clients === 'any' ? findStore(sections, name, READ_MEMBERS.old) : current;
  if (old?.untrustedText === current.untrustedText) {
    return { ...NOTHING, findings: [...describe(current, fault, name), ...staging] };
  }
  const oldFault = old && judgeFor(scope, old.untrustedText, store);
  if (!old || (oldFault?.code === 'store-differs' && old.scope !== current.scope)) {
    const got = old ? `the one of ${nameScope(old.scope)}` : 'none';
    const message = `expected "sigstore" with ${quoteStore(store)}, got ${got}`;
    return {
      findings: [...describe(current, fault, name), ...staging],
      lost: createFinding('old-client-key-missing', current.path, message, { scope: name }),
    };
  }
  const findings = describeBoth(current, fault, old, oldFault, name);
  return { ...NOTHING, findings: [...findings, ...staging] };
}

/** Vendors have their stores on the hosts of their registries, which nobody has mistaken for them. */
function judgeFor(scope: Scope, untrustedText: string, store: string): StoreFault | undefined {
  const fault = judgeStore(untrustedText, store, scope.name);
  const isMeant = scope.store !== undefined && fault?.code === 'registry-as-store';
  return isMeant && fault.severity === 'warning' ? undefined : fault;
}

function describe(
  { path }: FoundStore,
  fault: StoreFault | undefined,
  scope: string,
): readonly NodeFinding[] {
  if (!fault) return [];
  const { code, message, severity } = fault;
  return [createFinding(code, path, message, { scope, severity })];
}

/** Of two addresses one of which is right, old and new clients ask different ones. */
function describeBoth(
  current: FoundStore,
  fault: StoreFault | undefined,
  old: FoundStore,
  oldFault: StoreFault | undefined,
  scope: string,
): readonly NodeFinding[] {
  const wrongFault = fault && oldFault ? undefined : (fault ?? oldFault);
  if (wrongFault?.code === 'store-differs') {
    const [right, wrong] = fault ? [old, current] : [current, old];
    const message = `expected ${quoteStore(right.untrustedText)} in both, got ${quoteStore(wrong.untrustedText)} in ${JSON.stringify(wrong.member)}`;
    return [createFinding('key-order', wrong.path, message, { scope })];
  }
  const first = describe(current, fault, scope);
  return fault?.code === oldFault?.code ? first : [...first, ...describe(old, oldFault, scope)];
}

function describeLost(
  scope: string,
  store: string,
  current: FoundStore | undefined,
  sections: Sections,
  registriesPath: string,
): NodeFinding {
  const expected = `expected a section for ${nameScope(scope)} with ${quoteStore(store)}`;
  const got = current
    ? `got the one of ${nameScope(current.scope)} with ${quoteStore(current.untrustedText)}`
    : 'got none that names a store';
  if (scope !== '') {
    const path = current?.path ?? registriesPath;
    return createFinding('store-missing', path, `${expected}, ${got}`, { scope });
  }
  const path = sections.get('')?.path ?? registriesPath;
  return createFinding('default-replaced', path, `${expected}, ${got}`, { scope });
}

/** Machines that sign write to the directory, by whichever member their clients know. */
function inspectStaging(
  scope: Scope,
  sections: Sections,
  wanted: WantedNode,
  path: string,
): readonly NodeFinding[] {
  if (wanted.staging === undefined || scope.store !== undefined) return [];
  const expected = toSection(scope, wanted)['lookaside-staging'] ?? '';
  const { current, old } = WRITE_MEMBERS;
  for (const members of wanted.clients === 'any' ? [current, old] : [current]) {
    const found = findStore(sections, scope.name, members);
    if (found && !judgeStore(found.untrustedText, expected, scope.name)) continue;
    const got = found ? `${quoteStore(found.untrustedText)} in ${found.member}` : 'none';
    const message = `expected ${quoteStore(expected)} for signatures made on this machine, got ${got}`;
    return [createFinding('staging-differs', found?.path ?? path, message, { scope: scope.name })];
  }
  return [];
}

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
function quoteStore(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/?#]*@/, '//…@'));
}
