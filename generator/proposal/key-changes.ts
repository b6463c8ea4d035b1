import { toKeyState } from '../openpgp/keys/key-state.ts';
import type { KeyInfo, Keyring } from '../openpgp/keyring.ts';
import type { ScopeKeyFault } from '../policy/key-faults.ts';
import { findAround } from '../policy/scope-chain.ts';
import type { Policy, Scope } from '../policy/policy.ts';
import type { NewKey } from '../store/report.ts';
import { type Loss, toLoss } from '../terms/loss.ts';
import { formatTime } from '../terms/text.ts';
import { hasPassed } from '../terms/validity.ts';

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
  const state = toKeyState(key, lives.get(key.fingerprint), date);
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

const EXTEND = 'extend the key, export it again and put the file in the place of the older one';

/**
 * The keys of scopes that are good for less long than before, and those that are good for less than
 * `warning` (milliseconds) as of `at`: nothing that they signed is served after that.
 */
export function findKeyEnds(
  old: Policy,
  now: Policy,
  at: Date,
  warning: number,
): readonly ScopeKeyFault[] {
  return [...now.scopes.values()].flatMap((scope) => {
    const before = findAround(old.scopes, scope.name);
    return keysOf(scope).flatMap(({ key }): readonly ScopeKeyFault[] => {
      const [was, is] = [endOf(before, key), endOf(scope, key) ?? Infinity];
      const isLeft = is - at.getTime() > warning;
      const isSooner = was !== undefined && is < was && !hasPassed(was, at);
      if (!isSooner && (isLeft || hasPassed(is, at))) return [];
      const change = isSooner
        ? `; before, it ${was === Infinity ? 'did not expire' : `was good until ${formatTime(was)}`}`
        : '';
      const message = `the key ${nameKey(key)} for ${nameImages(scope.name)} ${describeEnd(is)}${change}`;
      return [
        {
          scope: scope.name,
          code: isSooner ? 'key-ends-sooner' : 'key-expires-soon',
          message,
          hint: EXTEND,
          ...(was !== undefined && !isSooner && { isKnown: true }),
        },
      ];
    });
  });
}

/** When the last part of a key that may sign ends; -Infinity if it is revoked, undefined if it is not there. */
function endOf(scope: Scope | undefined, { fingerprint, expires }: KeyInfo): number | undefined {
  const has = ({ keys }: Keyring): boolean => keys.some((key) => key.fingerprint === fingerprint);
  const keyrings = (scope?.signedBy ?? []).map(({ keyring }) => keyring).filter(has);
  const ends = keyrings.map(({ lives }) => {
    const life = lives.get(fingerprint);
    if (!life) return expires === null ? Infinity : Date.parse(expires);
    return life.isRevoked ? -Infinity : Math.max(...life.signers.values());
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function describeEnd(end: number): string {
  if (end === -Infinity) return 'is revoked, or made for something else';
  return end === Infinity ? 'does not expire' : `is good until ${formatTime(end)}`;
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

/** None of a scope whose signatures are in another store: nothing is accepted for it here. */
function keysOf(scope: Scope | undefined): readonly AcceptedKey[] {
  const signedBy = scope?.store === undefined ? (scope?.signedBy ?? []) : [];
  const keys = signedBy.flatMap(({ keyring }) => keyring.keys.map((key) => ({ key, keyring })));
  return [...new Map(keys.map((one) => [one.key.fingerprint, one])).values()];
}
