// Whether one set of requirements lets through nothing that another keeps out.
import type { Requirement } from './policy.ts';
import { type SignedIdentity, toSignedIdentityJson } from './signed-identity.ts';
import type { Keyring } from '../openpgp/openpgp-js.ts';

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
  return (
    areAmong(own.keyring, other.keyring) &&
    isRuleAsStrictAs(own.signedIdentity, other.signedIdentity)
  );
}

function areAmong(keyring: Keyring, others: Keyring): boolean {
  const known = new Set(others.keys.map(({ fingerprint }) => fingerprint));
  return keyring.keys.every(({ fingerprint }) => known.has(fingerprint));
}

/** From the strictest to the loosest: each takes what the ones before it take. */
const BY_STRICTNESS: readonly SignedIdentity['type'][] = [
  'matchExact',
  'matchRepoDigestOrExact',
  'matchRepository',
];

function isRuleAsStrictAs(own: SignedIdentity, other: SignedIdentity): boolean {
  const rank = BY_STRICTNESS.indexOf(own.type);
  if (rank >= 0) return rank <= BY_STRICTNESS.indexOf(other.type);
  return JSON.stringify(toSignedIdentityJson(own)) === JSON.stringify(toSignedIdentityJson(other));
}
