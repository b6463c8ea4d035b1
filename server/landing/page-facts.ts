// What the page tells, before it is written down.
import type { IsInUse, KeyLife } from '../../generator/openpgp/keys/key-state.ts';
import { hasKeysOnNodes } from '../../generator/nodes/key-files.ts';
import { releaseScopes } from '../../generator/nodes/node-files.ts';
import type { KeyInfo } from '../../generator/openpgp/keyring.ts';
import { type Policy, type SignedBy, hasUnknownKeys } from '../../generator/policy/policy.ts';
import {
  type SignedIdentity,
  formatReference,
  nameOf,
} from '../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../generator/terms/image-name.ts';
import { formatDirectory, formatLocation } from '../../generator/terms/location.ts';
import type { Generation } from '../follow/generations.ts';
import type { AskedScopes } from './asked-scopes.ts';
import { type Download, createDownloads, createWay } from './downloads.ts';
import { type NodeGuide, type ScopeGuide, createNodeGuide } from './node-guide.ts';
import type { StoreAddress } from './store-address.ts';

/** A key with how it ends, as far as that is known. */
export interface PageKey extends KeyInfo {
  readonly life: KeyLife | undefined;
}

/** Keys one of which must have signed. */
export interface KeyGroup {
  readonly keys: readonly PageKey[];
  /** Under which name, in words; undefined where it is the same for all groups. */
  readonly identity: string | undefined;
}

export interface ScopeFacts {
  /** For links: unique on the page. */
  readonly id: string;
  /** '' for all that no other scope covers. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** Whose signatures an image needs, in words. */
  readonly signers: string;
  /** Under which name, in words; undefined where groups differ. */
  readonly identity: string | undefined;
  /** All of them must hold. */
  readonly groups: readonly KeyGroup[];
  /** Where nodes expect the keys, absolute. */
  readonly keyPaths: readonly string[];
  /** Whether nodes have them already, so that they are not handed out here. */
  readonly hasKeysOnNodes: boolean;
  readonly registriesFor: ScopeGuide['registriesFor'];
  readonly policyMember: string;
  /** An image of the scope; parts in upper case are to be filled in. */
  readonly image: string;
  /** The store that has its signatures; undefined: this one. */
  readonly store: string | undefined;
  /** Where its first signature lies below the address of the store, likewise. */
  readonly location: string;
}

/** All that follows from the policy in force. */
export interface PolicyFacts {
  /** Undefined where signatures are not checked, for want of keys. */
  readonly keyCount: number | undefined;
  readonly scopes: readonly ScopeFacts[];
  /** What nodes do with images that none of the scopes covers. */
  readonly byDefault: NodeGuide['byDefault'];
  /** How many scopes of the policy ask for something else than signatures by keys. */
  readonly otherScopes: number;
  readonly downloads: readonly Download[];
  /** What a node fetches to ask for signatures of the named scopes, and of nothing else. */
  readonly way: readonly Download[];
}

/** What is in force. */
export interface ServedSummary extends Pick<Generation, 'commit' | 'loadedAt'> {
  readonly signatures: number;
  readonly repositories: number;
  /** A key is good for as long as the subkeys are that have signed what is served. */
  readonly isInUse: IsInUse;
}

/** What the page tells. */
export interface PageFacts extends PolicyFacts, StoreAddress {
  /** Undefined before the first generation. */
  readonly served: ServedSummary | undefined;
  readonly now: Date;
  /** What a reader wrote into the form; undefined on the page of the whole store. */
  readonly question?: ScopeQuestion;
}

/** For which images a reader wants to set up a node. */
export interface ScopeQuestion {
  readonly text: string;
  /** What nodes need for it, or what is wrong with it. */
  readonly answer: AskedScopes | string;
}

/** Reads out of a policy what people who set up nodes have to know. */
export function createPolicyFacts(policy: Policy, guide = createNodeGuide(policy)): PolicyFacts {
  const ids = new Set<string>();
  return {
    keyCount: policy.keyring?.keys.length,
    scopes: guide.scopes.map((scope) => ({
      ...toScopeFacts(scope, policy.scopes.size > 1 ? 'All other images' : 'All images'),
      id: toId(scope.scope.name, ids),
    })),
    byDefault: guide.byDefault,
    otherScopes: policy.scopes.size - guide.scopes.length - releaseScopes(policy).length,
    downloads: createDownloads(policy, guide),
    way: createNamedWay(guide),
  };
}

/** Of a store that also checks all other images, only what the named scopes need. */
function createNamedWay(guide: NodeGuide): readonly Download[] {
  const named = guide.scopes.map(({ scope }) => scope).filter(({ name }) => name !== '');
  if (named.length === 0) return [];
  const isAll = named.length === guide.scopes.length;
  const way = createWay(guide.filesFor(named), isAll ? 'nodes/' : 'nodes/scopes/');
  return way.filter(({ contentType }) => guide.isWhole || contentType !== 'application/json');
}

function toScopeFacts(guide: ScopeGuide, titleOfRest: string): Omit<ScopeFacts, 'id'> {
  const { scope, registriesFor, policyMember, keyPaths } = guide;
  const { name, prefix = '', store, signedBy } = scope;
  const { image, repository } = findExample(name);
  const identities = signedBy.map(({ signedIdentity }) => describeIdentity(signedIdentity));
  const isSame = new Set(identities).size === 1;
  const place = formatDirectory([prefix, repository].filter(Boolean).join('/'), 'HEX');
  return {
    name,
    title: name === '' ? titleOfRest : name,
    signers: describeSigners(signedBy),
    identity: isSame ? identities[0] : undefined,
    groups: signedBy.map(({ keyring }, index) => ({
      keys: keyring.keys.map((key) => ({ ...key, life: keyring.lives.get(key.fingerprint) })),
      identity: isSame ? undefined : identities[index],
    })),
    keyPaths,
    hasKeysOnNodes: hasKeysOnNodes(scope),
    registriesFor,
    policyMember,
    image,
    store,
    location: formatLocation(place, 1),
  };
}

/** An image of a scope, and its repository without the host. */
function findExample(scope: string): { readonly image: string; readonly repository: string } {
  const own = scope.includes('/') ? parseDockerReference(scope) : undefined;
  if (own && (own.tag !== undefined || own.digest !== undefined)) {
    return { image: formatReference(own), repository: own.repository };
  }
  const [host = '', ...path] = scope.split('/');
  const registry = host === '' ? 'REGISTRY' : host.replace(/^\*/, 'HOST');
  const repository = [...(path.length > 0 ? path : ['NAMESPACE']), 'NAME'].join('/');
  return { image: `${registry}/${repository}:TAG`, repository };
}

function toId(name: string, taken: Set<string>): string {
  const readable = name.replaceAll(/[^A-Za-z0-9.]+/g, '-');
  const plain = `scope-${readable === '' ? 'all' : readable}`;
  const id = taken.has(plain) ? `${plain}--${taken.size}` : plain;
  taken.add(id);
  return id;
}

/** Whose signatures an image needs. */
export function describeSigners(signedBy: readonly SignedBy[]): string {
  if (signedBy.some(hasUnknownKeys)) return 'An image needs a signature by a key that nodes have.';
  const keys = signedBy.map(({ keyring }) => keyring.keys.length);
  const [first = 0] = keys;
  if (keys.length === 1) {
    return first === 1
      ? 'An image needs a signature by this key.'
      : `An image needs a signature by one of these ${first} keys; any one is enough.`;
  }
  const all = keys.length === 2 ? 'both' : `all ${keys.length}`;
  return keys.every((count) => count === 1)
    ? `An image needs signatures by ${all} of these keys.`
    : `An image needs ${keys.length} signatures: one by a key of each group.`;
}

/** Under which name an image must have been signed. */
export function describeIdentity(rule: SignedIdentity): string {
  switch (rule.type) {
    case 'matchRepoDigestOrExact':
      return 'It must be signed under the name and tag that is pulled; for a pull by digest the repository is enough.';
    case 'matchExact':
      return 'It must be signed under exactly the name that is pulled, with its tag or digest.';
    case 'matchRepository':
      return 'It must be signed under the repository that is pulled, with any tag or none.';
    case 'exactReference':
      return `It must be signed as ${formatReference(rule.reference)}, whatever name is pulled.`;
    case 'exactRepository':
      return `It must be signed as an image of ${nameOf(rule.repository)}, whatever name is pulled.`;
    case 'remapIdentity':
      return `What is pulled from ${rule.prefix} must be signed under the same name below ${rule.signedPrefix}.`;
  }
}
