// What nodes ask of the signatures of an image, as containers-policy.json(5) has it: the most
// specific scope wins whole (containers/image docker/policyconfiguration/naming.go).
import { createHash } from 'node:crypto';
import { type Keyring, findsSame } from '../openpgp/keyring.ts';
import { joinKeyrings } from '../openpgp/read-keyring.ts';
import { keyIdOf } from '../openpgp/signing-key.ts';
import type { ReleaseArea } from '../release/release-area.ts';
import type { KeyFault } from './key-faults.ts';
import { type DockerReference, parseDockerReference } from '../terms/image-name.ts';
import { scopesAround } from './scope-chain.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
  formatReference,
  nameOf,
} from './signed-identity.ts';

/** A signature by a key of the keyring, made under a name that the rule takes. */
export interface SignedBy {
  readonly type: 'signedBy';
  /** Has no keys where none can be used: then nobody can say here which signatures are good. */
  readonly keyring: Keyring;
  readonly signedIdentity: SignedIdentity;
  /** What was given as its keys and cannot be used; absent if all can. */
  readonly keyFaults?: readonly KeyFault[];
}

/** What must hold for an image. */
export type Requirement =
  | SignedBy
  | {
      readonly type: 'insecureAcceptAnything';
      /** Images of a release, which vouches for them: nobody misses a signature of their own. */
      readonly isOfRelease?: true;
    }
  /** A signature that nodes look for elsewhere, as sigstore's in the registry. */
  | { readonly type: 'elsewhere'; readonly what: string }
  /** What no image meets, as `reject`. */
  | { readonly type: 'unmeetable'; readonly what: string };

/** The requirements for a part of all images: all of them must hold. */
export interface Scope {
  /** As containers-policy.json writes it; '' for all that no other scope covers. */
  readonly name: string;
  /** What sentences call it where no policy names it, as `--keys`. */
  readonly origin?: string;
  /** Where its signatures lie in the tree, without slashes at the ends; undefined: anywhere. */
  readonly prefix: string | undefined;
  readonly requirements: readonly Requirement[];
  /** Those of them that ask for an OpenPGP signature. */
  readonly signedBy: readonly SignedBy[];
  /** Whether nodes take any image of the scope, signed or not. */
  readonly takesAnything: boolean;
  /** Why nodes take no image of it however it is signed with OpenPGP; undefined if they may. */
  readonly obstacle: string | undefined;
}

/** A scope with its requirements, of which there is at least one. */
export function createScope(
  name: string,
  prefix: string | undefined,
  requirements: readonly Requirement[],
): Scope {
  const signedBy = requirements.filter((requirement) => requirement.type === 'signedBy');
  const unmeetable = requirements.find((requirement) => requirement.type === 'unmeetable');
  const elsewhere = requirements.find((requirement) => requirement.type === 'elsewhere');
  const isElsewhere = elsewhere !== undefined && signedBy.length === 0;
  return {
    name,
    prefix,
    requirements,
    signedBy,
    takesAnything: requirements.every(({ type }) => type === 'insecureAcceptAnything'),
    obstacle: unmeetable?.what ?? (isElsewhere ? elsewhere.what : undefined),
  };
}

export interface Policy {
  /** Changes when a requirement, a scope or a key does. */
  readonly id: string;
  readonly scopes: ReadonlyMap<string, Scope>;
  /** Whether somebody configured what signatures must be; if not, all are taken, for lack of keys. */
  readonly isConfigured: boolean;
  /** All keys of all requirements; undefined if none asks for a signature. */
  readonly keyring: Keyring | undefined;
  /**
   * Whether all keys together answer as those of each requirement do, so that one verification is enough:
   * each is the same wherever it is given, and no other has its ID.
   */
  readonly isUniform: boolean;
  /** Hosts named by scopes and their rules, and an invented one for each scope without a host. */
  readonly hosts: ReadonlySet<string>;
  /** Tags that have scopes of their own, by `HOST/REPOSITORY`. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  /** Where scopes say that their signatures lie. */
  readonly prefixes: ReadonlySet<string>;
  /** Where signatures of releases lie, and by which keys they count: of no scope's. */
  readonly releases: readonly ReleaseArea[];
}

/** Puts scopes and release areas together. Names of scopes must differ. */
export async function createPolicy(
  scopes: readonly Scope[],
  releases: readonly ReleaseArea[] = [],
): Promise<Policy> {
  const keyrings = scopes.flatMap(({ signedBy }) => signedBy.map(({ keyring }) => keyring));
  const keyring = keyrings.length > 0 ? await joinKeyrings(keyrings) : undefined;
  const tags = new Map<string, readonly string[]>();
  for (const { name } of scopes) {
    const reference = name.includes('/') ? parseDockerReference(name) : undefined;
    if (reference?.tag === undefined) continue;
    tags.set(nameOf(reference), [...(tags.get(nameOf(reference)) ?? []), reference.tag]);
  }
  const all = [...scopes, ...releases.map(({ id }) => id)];
  return {
    id: createHash('sha256').update(JSON.stringify(all, describeKeyring)).digest('base64url'),
    scopes: new Map(scopes.map((scope) => [scope.name, scope])),
    isConfigured: true,
    keyring,
    isUniform: keyrings.every((one) => keyring !== undefined && answersAs(keyring, one)),
    hosts: findHosts(scopes),
    tags,
    prefixes: new Set(scopes.flatMap(({ prefix }) => prefix ?? [])),
    releases,
  };
}

/** Whether whoever knows all keys finds those of one keyring as with that keyring alone. */
function answersAs(all: Keyring, one: Keyring): boolean {
  return all.id === one.id || one.parts.every((key) => findsSame(all, one, keyIdOf(key)));
}

/** Whether images of a scope are those of a release, which vouches for them. */
export function isOfRelease({ requirements }: Pick<Scope, 'requirements'>): boolean {
  return requirements.some((one) => one.type === 'insecureAcceptAnything' && one.isOfRelease);
}

/** What each scope of a policy asks for. */
export function requirementsByScope({
  scopes,
}: Pick<Policy, 'scopes'>): ReadonlyMap<string, readonly Requirement[]> {
  return new Map([...scopes.values()].map(({ name, requirements }) => [name, requirements]));
}

/** A scope as sentences name it. */
export function describeScope({ name, origin }: Pick<Scope, 'name' | 'origin'>): string {
  if (origin !== undefined) return origin;
  return name === '' ? 'the default of the policy' : `the scope ${JSON.stringify(name)}`;
}

/** A policy for all images alike: a signature by any key; without keys, anything. */
export async function createSimplePolicy(
  keyring: Keyring | undefined,
  releases: readonly ReleaseArea[] = [],
): Promise<Policy> {
  const requirement: Requirement = keyring
    ? { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY }
    : { type: 'insecureAcceptAnything' };
  const policy = await createPolicy([createScope('', undefined, [requirement])], releases);
  return { ...policy, isConfigured: keyring !== undefined };
}

function findHosts(scopes: readonly Scope[]): ReadonlySet<string> {
  const named = new Set<string>();
  const domains = ['invalid'];
  for (const { name, signedBy } of scopes) {
    if (name.startsWith('*.')) domains.push(name.slice(2));
    else if (name !== '') named.add(firstComponent(name));
    for (const { signedIdentity: rule } of signedBy) {
      if (rule.type === 'remapIdentity') named.add(firstComponent(rule.prefix));
    }
  }
  return new Set([...named, ...domains.map((domain) => makeHost(domain, named))]);
}

/** A host in a domain that no scope names: it stands for what only the domain's scope covers. */
function makeHost(domain: string, named: ReadonlySet<string>): string {
  let label = 'any';
  while (named.has(`${label}.${domain}`)) label += '-any';
  return `${label}.${domain}`;
}

function firstComponent(path: string): string {
  return path.split('/', 1)[0] ?? '';
}

/** How a fault is worded changes nothing, nor what a scope is called; one without keys says so by its keyring. */
function describeKeyring(name: string, value: unknown): unknown {
  if (name === 'keyFaults' || name === 'origin') return undefined;
  return value instanceof Object && 'find' in value && 'id' in value ? value.id : value;
}

/** The scope of an image; undefined if none covers it. */
export function findScope(policy: Policy, image: DockerReference): Scope | undefined {
  if (policy.scopes.size === 1 && policy.scopes.has('')) return policy.scopes.get('');
  for (const name of scopeNames(image)) {
    const scope = policy.scopes.get(name);
    if (scope) return scope;
  }
  return undefined;
}

/** Names of scopes that an image may lie in, the most specific first. */
function* scopeNames(image: DockerReference): Generator<string> {
  yield formatReference(image);
  yield nameOf(image);
  yield* scopesAround(nameOf(image));
}
