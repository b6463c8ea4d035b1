import { findAround } from '../policy/scope-chain.ts';
import type { Policy, Scope } from '../policy/policy.ts';
import { type Loss, toLoss } from '../terms/loss.ts';

/**
 * The keys that a scope accepted and accepts no longer: by its own section, or by the one that holds for
 * its images now. A key that is revoked or has expired is still in its file, and is none of them.
 */
export function findWithdrawnKeys(old: Policy, now: Policy, file: string): readonly Loss[] {
  return [...old.scopes.values()].flatMap((scope) => {
    const covering = findAround(now.scopes, scope.name);
    // Where nodes take anything, no key is needed; where there are no rules any more, all are lost.
    if (now.isConfigured && covering?.takesAnything) return [];
    const accepted = new Set(keysOf(covering).map(({ fingerprint }) => fingerprint));
    const lost = keysOf(scope).filter(({ fingerprint }) => !accepted.has(fingerprint));
    return lost.map(({ fingerprint, userIds: [user] }) => {
      const key = user === undefined ? fingerprint : `${fingerprint} (${user})`;
      const images = scope.name === '' ? 'all other images' : scope.name;
      return toLoss('key-withdrawn', file, `expected the key ${key} for ${images}, got none`);
    });
  });
}

function keysOf(scope: Scope | undefined) {
  const keys = (scope?.signedBy ?? []).flatMap(({ keyring }) => keyring.keys);
  return [...new Map(keys.map((key) => [key.fingerprint, key])).values()];
}
