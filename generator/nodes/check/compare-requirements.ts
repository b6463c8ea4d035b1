// What a node asks of the images of a scope, beside what it should ask.
import type { Requirement, SignedBy } from '../../policy/policy.ts';
import { toSignedIdentityJson } from '../../policy/signed-identity.ts';
import { isAsStrictAs } from '../../policy/strictness.ts';

/** How requirements differ from those that there should be. */
export type Difference =
  | { readonly result: 'weaker' | 'stricter' | 'other' }
  | {
      readonly result: 'keys';
      /** Fingerprints that should not be there. */
      readonly strange: readonly string[];
      /** Fingerprints that should be. */
      readonly missing: readonly string[];
    }
  | { readonly result: 'identity'; readonly wanted: string; readonly got: string };

/** The most telling difference; undefined if nodes take the same images by both. */
export function compareRequirements(
  got: readonly Requirement[],
  wanted: readonly Requirement[],
): Difference | undefined {
  const isAsStrict = isAsStrictAs(got, wanted);
  const isAsLoose = isAsStrictAs(wanted, got);
  if (isAsStrict && isAsLoose) return undefined;
  const gotSigned = signedOnly(got);
  const wantedSigned = signedOnly(wanted);
  if (gotSigned && wantedSigned) {
    const difference =
      compareKeys(gotSigned, wantedSigned) ?? compareRules(gotSigned, wantedSigned);
    if (difference) return difference;
  }
  if (isAsStrict) return { result: 'stricter' };
  return { result: isAsLoose ? 'weaker' : 'other' };
}

/** Undefined if anything but signatures is asked for. */
function signedOnly(requirements: readonly Requirement[]): readonly SignedBy[] | undefined {
  const signed = requirements.filter((requirement) => requirement.type === 'signedBy');
  return signed.length === requirements.length ? signed : undefined;
}

function compareKeys(
  got: readonly SignedBy[],
  wanted: readonly SignedBy[],
): Difference | undefined {
  const gotKeys = fingerprintsOf(got);
  const wantedKeys = fingerprintsOf(wanted);
  const strange = [...gotKeys].filter((key) => !wantedKeys.has(key));
  const missing = [...wantedKeys].filter((key) => !gotKeys.has(key));
  if (strange.length + missing.length === 0) return undefined;
  return { result: 'keys', strange, missing };
}

/** Of all keys of requirements, upper-case hex. */
function fingerprintsOf(requirements: readonly SignedBy[]): ReadonlySet<string> {
  const keys = requirements.flatMap(({ keyring }) => keyring.keys);
  return new Set(keys.map(({ fingerprint }) => fingerprint));
}

function compareRules(
  got: readonly SignedBy[],
  wanted: readonly SignedBy[],
): Difference | undefined {
  const texts = [got, wanted].map((requirements) => {
    const rules = requirements.map(({ signedIdentity }) =>
      JSON.stringify(toSignedIdentityJson(signedIdentity)),
    );
    return [...new Set(rules)].toSorted().join(', ');
  });
  const [gotText = '', wantedText = ''] = texts;
  return gotText === wantedText
    ? undefined
    : { result: 'identity', wanted: wantedText, got: gotText };
}
