// Whether one set of requirements lets through nothing that another keeps out, and what lets through
// more than before when scopes are put into the policy of a node.
import { type Requirement, type Scope, type SignedBy, hasUnknownKeys } from './policy.ts';
import { findAround, scopesAround } from './scope-chain.ts';
import { type SignedIdentity, toSignedIdentityJson } from './signed-identity.ts';
import type { Keyring } from '../openpgp/keyring.ts';

/**
 * Whether every image that meets the requirements meets those of `others` too, as far as can be
 * told from keys and rules.
 */
export function isAsStrictAs(
  requirements: readonly Requirement[],
  others: readonly Requirement[],
): boolean {
  if (requirements.some(({ type }) => type === 'unmeetable')) return true;
  return others.every((other) => requirements.some((own) => implies(own, other)));
}

function implies(own: Requirement, other: Requirement): boolean {
  if (other.type === 'insecureAcceptAnything') return true;
  if (own.type !== 'signedBy' || other.type !== 'signedBy') return false;
  return areKeysAmong(own, other) && isRuleAsStrictAs(own.signedIdentity, other.signedIdentity);
}

/** Keys that nobody knows here are the same where they come from the same files. */
function areKeysAmong(own: SignedBy, other: SignedBy): boolean {
  if (!hasUnknownKeys(own) && !hasUnknownKeys(other)) return areAmong(own.keyring, other.keyring);
  const paths = own.keyPaths ?? [];
  return paths.length > 0 && paths.every((path) => other.keyPaths?.includes(path));
}

function areAmong(keyring: Keyring, others: Keyring): boolean {
  const known = new Set(others.keys.map(({ fingerprint }) => fingerprint));
  return keyring.keys.every(({ fingerprint }) => known.has(fingerprint));
}

/** From the strictest to the loosest: each accepts all that the ones before it accept. */
const BY_STRICTNESS: readonly SignedIdentity['type'][] = [
  'matchExact',
  'matchRepoDigestOrExact',
  'matchRepository',
];

/** Whether every name that a rule takes is taken by the other rule too. */
export function isRuleAsStrictAs(own: SignedIdentity, other: SignedIdentity): boolean {
  const rank = BY_STRICTNESS.indexOf(own.type);
  if (rank >= 0) return rank <= BY_STRICTNESS.indexOf(other.type);
  return JSON.stringify(toSignedIdentityJson(own)) === JSON.stringify(toSignedIdentityJson(other));
}

/** A policy that nodes have, for images from registries. */
export interface InstalledPolicy {
  /** By scope. */
  readonly scopes: ReadonlyMap<string, readonly Requirement[]>;
  readonly byDefault: readonly Requirement[];
}

/** Some images that were kept out would now be let in. */
export interface Loosening {
  /**
   * `replaced`: a scope loses requirements. `taken out`: a new scope asks less of its images than
   * the scope that covered them before. `left`: a scope inside a new one lets through what the new
   * one keeps out.
   */
  readonly kind: 'replaced' | 'taken out' | 'left';
  readonly scope: string;
  /** The scope of the policy that `taken out` and `left` are about; undefined: its default. */
  readonly other: string | undefined;
  /** Why nodes let nothing through, or nobody can say; undefined if it is a matter of keys. */
  readonly reason: string | undefined;
}

/** Compares scopes with the policy that they are put into. */
export function findLoosenings(
  scopes: readonly Scope[],
  installed: InstalledPolicy,
): readonly Loosening[] {
  return [
    ...scopes.flatMap((scope) => findLoosening(scope, installed) ?? []),
    ...findLeft(scopes, installed),
  ];
}

function findLoosening(scope: Scope, installed: InstalledPolicy): Loosening | undefined {
  const { name, requirements } = scope;
  const own = installed.scopes.get(name);
  const other = own ? name : [...scopesAround(name)].find((wide) => installed.scopes.has(wide));
  const before = installed.scopes.get(other ?? '') ?? installed.byDefault;
  // Whoever adds a scope to a policy that lets nothing through wants it to let something through.
  if (!own && before.some(({ type }) => type === 'unmeetable')) return undefined;
  if (isAsStrictAs(requirements, before)) return undefined;
  const kind = own ? 'replaced' : 'taken out';
  return { kind, scope: name, other, reason: findReason(before) };
}

function findReason(requirements: readonly Requirement[]): string | undefined {
  return requirements.flatMap((requirement) =>
    'what' in requirement
      ? requirement.what
      : requirement.type === 'signedBy'
        ? (requirement.keyFaults ?? []).map(({ message }) => message)
        : [],
  )[0];
}

/** The rule for all other images does not apply to scopes that are already there. */
function findLeft(
  scopes: readonly Scope[],
  { scopes: installed }: InstalledPolicy,
): readonly Loosening[] {
  const named = scopes.filter(({ name }) => name !== '');
  const ours = new Map(named.map((scope) => [scope.name, scope]));
  return [...installed].flatMap(([other, requirements]) => {
    const scope = ours.has(other) ? undefined : findAround(ours, other);
    if (!scope || isAsStrictAs(requirements, scope.requirements)) return [];
    return { kind: 'left', scope: scope.name, other, reason: findReason(requirements) };
  });
}
