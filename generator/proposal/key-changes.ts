import type { KeyInfo } from '../openpgp/openpgp-js.ts';
import { findAround } from '../policy/scope-chain.ts';
import type { Policy, Scope } from '../policy/policy.ts';
import { type Loss, toLoss } from '../terms/loss.ts';

/**
 * The keys that a scope accepted and accepts no longer: by its own section, or by the one that holds for
 * its images now. A key that is revoked or has expired is still in its file, and is none of them.
 */
export function findWithdrawnKeys(old: Policy, now: Policy, file: string): readonly Loss[] {
  return findMissingKeys(old, now).map(({ key, images }) =>
    toLoss('key-withdrawn', file, `expected the key ${key} for ${images}, got none`),
  );
}

/** The keys that a scope accepts from now on, in a sentence each: what they sign is served. */
export function describeNewKeys(old: Policy, now: Policy): readonly string[] {
  return findMissingKeys(now, old).map(
    ({ key, images }) => `accepts the new key ${key} for ${images}`,
  );
}

/** What one policy accepts for a scope, and another does not; both as people are told of it. */
function findMissingKeys(
  from: Policy,
  to: Policy,
): readonly { readonly key: string; readonly images: string }[] {
  return [...from.scopes.values()].flatMap((scope) => {
    const covering = findAround(to.scopes, scope.name);
    // Where nodes take anything, no key is needed; where there are no rules, none is accepted.
    if (to.isConfigured && covering?.takesAnything) return [];
    const accepted = new Set(keysOf(covering).map(({ fingerprint }) => fingerprint));
    const missing = keysOf(scope).filter(({ fingerprint }) => !accepted.has(fingerprint));
    const images = scope.name === '' ? 'all other images' : scope.name;
    return missing.map((key) => ({ key: nameKey(key), images }));
  });
}

function nameKey({ fingerprint, userIds: [user] }: KeyInfo): string {
  return user === undefined ? fingerprint : `${fingerprint} (${user})`;
}

function keysOf(scope: Scope | undefined): readonly KeyInfo[] {
  const keys = (scope?.signedBy ?? []).flatMap(({ keyring }) => keyring.keys);
  return [...new Map(keys.map((key) => [key.fingerprint, key])).values()];
}
