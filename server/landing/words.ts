// What a scope asks for, in words.
import type { SignedBy } from '../../generator/policy/policy.ts';
import {
  type SignedIdentity,
  formatReference,
  nameOf,
} from '../../generator/policy/signed-identity.ts';

/** Whose signatures an image needs. */
export function describeSigners(signedBy: readonly SignedBy[]): string {
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
