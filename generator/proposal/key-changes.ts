import { toKeyState } from '../openpgp/key-state.ts';
import type { KeyInfo, Keyring } from '../openpgp/openpgp-js.ts';
import { findAround } from '../policy/scope-chain.ts';
import type { Policy, Scope } from '../policy/policy.ts';
import type { NewKey } from '../store/report.ts';
import { type Loss, toLoss } from '../terms/loss.ts';

/**
 * The keys that a scope accepted and accepts no longer: by its own section, or by the one that holds for
 * its images now. A key that is revoked or has expired is still in its file, and is none of them.
 */
export function findWithdrawnKeys(old: Policy, now: Policy, file: string): readonly Loss[] {
  return findMissingKeys(old, now).map(({ key, scope }) =>
    toLoss(
      'key-withdrawn',
      file,
      `expected the key ${nameKey(key)} for ${nameImages(scope)}, got none`,
    ),
  );
}

/** The keys that a scope accepts from now on, and what is wrong with them as of `date`. */
export function findNewKeys(old: Policy, now: Policy, date: Date): readonly NewKey[] {
  return findMissingKeys(now, old).map(({ key, scope, keyring }) => {
    const { fingerprint, userIds } = key;
    const message = `accepts the new key ${nameKey(key)} for ${nameImages(scope)}`;
    const reason = describeUnusableKey(key, keyring, date);
    if (reason === undefined) return { scope, fingerprint, userIds, message };
    const warning = { code: 'new-key-unusable', message: `the new key ${reason}` } as const;
    return { scope, fingerprint, userIds, message, warning };
  });
}

/** Why nodes refuse whatever a key signs, with its name; undefined if it may sign. */
export function describeUnusableKey(
  key: KeyInfo,
  { lives }: Keyring,
  date: Date,
): string | undefined {
  const state = toKeyState(key.expires, lives.get(key.fingerprint), date);
  const name = nameKey(key);
  switch (state.kind) {
    case 'revoked':
      return `${name} is revoked: nodes refuse what it signed`;
    case 'expired':
      return `${name} expired on ${state.at}: nodes refuse what it signed`;
    case 'cannot-sign':
      return `${name} has no part that may sign`;
    case 'unknown':
    case 'good':
    case 'expires':
      return undefined;
  }
}

interface AcceptedKey {
  readonly key: KeyInfo;
  readonly keyring: Keyring;
}

/** What one policy accepts for a scope, and another does not. */
function findMissingKeys(
  from: Policy,
  to: Policy,
): readonly (AcceptedKey & { readonly scope: string })[] {
  return [...from.scopes.values()].flatMap((scope) => {
    const covering = findAround(to.scopes, scope.name);
    // Where nodes take anything, no key is needed; where there are no rules, none is accepted.
    if (to.isConfigured && covering?.takesAnything) return [];
    const accepted = new Set(keysOf(covering).map(({ key }) => key.fingerprint));
    const missing = keysOf(scope).filter(({ key }) => !accepted.has(key.fingerprint));
    return missing.map(({ key, keyring }) => ({ key, keyring, scope: scope.name }));
  });
}

function nameImages(scope: string): string {
  return scope === '' ? 'all other images' : scope;
}

function nameKey({ fingerprint, userIds: [user] }: KeyInfo): string {
  return user === undefined ? fingerprint : `${fingerprint} (${user})`;
}

function keysOf(scope: Scope | undefined): readonly AcceptedKey[] {
  const keys = (scope?.signedBy ?? []).flatMap(({ keyring }) =>
    keyring.keys.map((key) => ({ key, keyring })),
  );
  return [...new Map(keys.map((one) => [one.key.fingerprint, one])).values()];
}
