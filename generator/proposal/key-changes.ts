import type { KeyInfo, Keyring } from '../openpgp/openpgp-js.ts';
import type { ScopeKeyFault } from '../policy/key-faults.ts';
import { findAround } from '../policy/scope-chain.ts';
import type { Policy, Scope } from '../policy/policy.ts';
import { type Loss, toLoss } from '../terms/loss.ts';
import { formatTime } from '../terms/text.ts';

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
    return keysOf(scope).flatMap((key): readonly ScopeKeyFault[] => {
      const [was, is] = [endOf(before, key), endOf(scope, key) ?? Infinity];
      const isLeft = is - at.getTime() > warning;
      const isSooner = was !== undefined && is < was && was > at.getTime();
      if (!isSooner && (isLeft || is <= at.getTime())) return [];
      const images = scope.name === '' ? 'all other images' : scope.name;
      const change = isSooner
        ? `; before, it ${was === Infinity ? 'did not expire' : `was good until ${formatTime(was)}`}`
        : '';
      const message = `the key ${nameKey(key)} for ${images} ${describeEnd(is)}${change}`;
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
