// Scopes that nodes take without a word and use for no image: where the default accepts anything,
// the images that they were written for are open (containers/image docker/policyconfiguration).
import { isNamePrefix, looksLikeHost, normalizeHost, parseFullName } from '../terms/image-name.ts';
import { describeScope } from './policy.ts';
import { scopeChain } from './scope-chain.ts';
import type { SignedIdentity } from './signed-identity.ts';

/** Why a scope covers no image, or not those that people think of, and what to write. */
export interface UnmatchedScope {
  /** "it has …", with what is wrong. */
  readonly reason: string;
  /** "write …". */
  readonly cure: string;
}

const FORMS =
  'write HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY, one of these with a tag or a digest, or *.DOMAIN';

interface Repair {
  readonly reason: string;
  readonly repair: (scope: string) => string;
}

/** What people write, in the order in which it is put right. */
const REPAIRS: readonly Repair[] = [
  { reason: 'spaces around it', repair: (scope) => scope.trim() },
  { reason: 'a scheme', repair: (scope) => scope.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '') },
  { reason: 'a "*" behind the host', repair: (scope) => scope.replace(/(.)\/\*{1,2}$/, '$1') },
  { reason: 'a slash at its end', repair: (scope) => scope.replace(/\/+$/, '') },
  { reason: 'two slashes', repair: (scope) => scope.replaceAll(/\/{2,}/g, '/') },
  { reason: 'the old name of docker.io', repair: renameDockerHub },
  {
    reason: 'a path behind a *.DOMAIN',
    repair: (scope) => scope.replace(/^(\*\.[^/]*)\/.*$/, '$1'),
  },
  {
    reason: 'a port behind a *.DOMAIN',
    repair: (scope) => scope.replace(/^(\*\.[^/:]*):.*$/, '$1'),
  },
  { reason: 'capitals in its path', repair: lowerPath },
  { reason: 'a digest in capitals', repair: lowerDigest },
  { reason: 'a tag and a digest', repair: (scope) => scope.replace(/:[^:/@]+(@)/, '$1') },
  { reason: 'no host', repair: addHost },
  { reason: 'no "library/" before the name of an official image', repair: addLibrary },
];

/** What is wrong with a scope for images from registries; undefined if nothing is. */
export function findUnmatched(scope: string): UnmatchedScope | undefined {
  if (canMatch(scope)) return undefined;
  const reasons: string[] = [];
  let repaired = scope;
  for (const { reason, repair } of REPAIRS) {
    if (canMatch(repaired)) break;
    const next = repair(repaired);
    if (next === repaired) continue;
    reasons.push(reason);
    repaired = next;
  }
  const isGood = repaired !== '' && canMatch(repaired);
  if (!isGood) return { reason: 'it is not written as image names are', cure: FORMS };
  return { reason: `it has ${reasons.join(', ')}`, cure: `write ${JSON.stringify(repaired)}` };
}

/**
 * What is wrong with a scope that covers a namespace of docker.io, and not the official image of the same
 * name, which none of the scopes covers then; undefined if nothing is.
 */
export function findNamesake(
  scope: string,
  scopes: ReadonlySet<string>,
): UnmatchedScope | undefined {
  const [, name] = /^docker\.io\/([^/:@]+)$/.exec(scope) ?? [];
  if (name === undefined || name === 'library' || !canMatch(scope)) return undefined;
  const image = `docker.io/library/${name}`;
  const isCovered = scopeChain(image).some((around) => around !== '' && scopes.has(around));
  if (isCovered) return undefined;
  return {
    reason: `it covers ${scope}/…, but not the image ${JSON.stringify(name)}, whose name is ${image}`,
    cure: `write ${JSON.stringify(image)} if that image is meant`,
  };
}

/** A sentence of it. */
function describeUnmatched(scope: string, { reason, cure }: UnmatchedScope): string {
  return `the scope ${JSON.stringify(scope)} covers no image: ${reason}; ${cure}`;
}

/**
 * What is wrong with a rule that gives images names in no full form: no signature is ever good under
 * one (reference.ParseNamed); undefined if nothing is.
 */
export function findShortPrefix(rule: SignedIdentity): UnmatchedScope | undefined {
  if (rule.type !== 'remapIdentity') return undefined;
  const { prefix, signedPrefix } = rule;
  const [host = ''] = signedPrefix.split('/', 1);
  if (looksLikeHost(host) && normalizeHost(host) === host) return undefined;
  const full = looksLikeHost(host) ? renameDockerHub(signedPrefix) : `docker.io/${signedPrefix}`;
  return {
    reason: `the signedPrefix ${JSON.stringify(signedPrefix)} is no name in full form, so nodes take no signature for images of ${JSON.stringify(prefix)}`,
    cure: `change it in the policy to ${JSON.stringify(full)}, or to the name of another host with what stands behind it`,
  };
}

/** Sentences about what nodes take of a policy and never use: scopes, and rules for names. */
export function warnOfPolicy(rules: ReadonlyMap<string, readonly NamingRule[]>): readonly string[] {
  const prefixes = [...rules].flatMap(([scope, requirements]) =>
    requirements.flatMap(({ signedIdentity }) => {
      const short = signedIdentity && findShortPrefix(signedIdentity);
      return short ? [`${describeScope({ name: scope })}: ${short.reason}; ${short.cure}`] : [];
    }),
  );
  return [...warnOfUnmatched(rules.keys()), ...new Set(prefixes)];
}

/** A requirement, as far as it says under which names signatures are good. */
interface NamingRule {
  readonly type: string;
  readonly signedIdentity?: SignedIdentity;
}

/** Sentences about the scopes of a policy that cover no image, or not the one of their name. */
export function warnOfUnmatched(scopes: Iterable<string>): readonly string[] {
  const all = new Set(scopes);
  return [...all].flatMap((scope) => {
    const unmatched = findUnmatched(scope);
    if (unmatched) return [describeUnmatched(scope, unmatched)];
    const namesake = findNamesake(scope, all);
    return namesake
      ? [`the scope ${JSON.stringify(scope)}: ${namesake.reason}; ${namesake.cure}`]
      : [];
  });
}

/** Whether nodes look a scope of this name up for any image. */
function canMatch(scope: string): boolean {
  if (scope === '') return true;
  if (scope.startsWith('*.')) return isNamePrefix(scope.slice(2)) && !/[/:]/.test(scope);
  const [host = ''] = scope.split('/', 1);
  if (!looksLikeHost(host) || normalizeHost(host) !== host) return false;
  if (isNamePrefix(scope)) return true;
  const reference = scope.includes('/') ? parseFullName(scope) : undefined;
  return reference !== undefined && (reference.tag === undefined || reference.digest === undefined);
}

function renameDockerHub(scope: string): string {
  return scope.replace(/^index\.docker\.io(?=\/|$)/, 'docker.io');
}

function lowerPath(scope: string): string {
  const slash = scope.indexOf('/');
  if (slash < 0) return scope;
  const [, path = '', rest = ''] = /^([^:@]*)(.*)$/s.exec(scope.slice(slash)) ?? [];
  return `${scope.slice(0, slash)}${path.toLowerCase()}${rest}`;
}

function lowerDigest(scope: string): string {
  return scope.replace(/@.*$/s, (digest) => digest.toLowerCase());
}

function addHost(scope: string): string {
  const [first = ''] = scope.split('/', 1);
  if (looksLikeHost(first) || first.startsWith('*')) return scope;
  return scope.includes('/') ? `docker.io/${scope}` : `docker.io/library/${scope}`;
}

function addLibrary(scope: string): string {
  return scope.replace(/^docker\.io\/([^/]+[:@][^/]+)$/, 'docker.io/library/$1');
}
