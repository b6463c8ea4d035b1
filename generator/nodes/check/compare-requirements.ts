// How what a node asks of the images of a scope differs from what it should ask, also in words.
import {
  type Requirement,
  type Scope,
  type SignedBy,
  hasUnknownKeys,
} from '../../policy/policy.ts';
import { toSignedIdentityJson } from '../../policy/signed-identity.ts';
import { isAsStrictAs } from '../../policy/strictness.ts';
import { type NodeFinding, createFinding, nameScope } from './finding.ts';

/** Where a scope has its requirements, and where they have their keys. */
interface Places {
  readonly policyPath: string;
  readonly keyPath: string;
}

/** How requirements differ from those that there should be. */
export type Difference =
  | { readonly result: 'weaker' | 'stricter' | 'other' }
  | {
      readonly result: 'keys';
      /** Fingerprints that should not be there; the paths of files whose keys nobody knows here. */
      readonly strange: readonly string[];
      /** Those that should be. */
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
  const namesOf = wanted.some(hasUnknownKeys) ? pathsOf : fingerprintsOf;
  const gotKeys = namesOf(got);
  const wantedKeys = namesOf(wanted);
  const strange = [...gotKeys].filter((key) => !wantedKeys.has(key));
  const missing = [...wantedKeys].filter((key) => !gotKeys.has(key));
  if (strange.length + missing.length === 0) return undefined;
  return { result: 'keys', strange, missing };
}

/** Of the key files of requirements. */
function pathsOf(requirements: readonly SignedBy[]): ReadonlySet<string> {
  return new Set(requirements.flatMap(({ keyPaths = ['keyData'] }) => keyPaths));
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

/** Says how the requirements of a scope, which are `got`, differ. */
export function describeDifference(
  difference: Difference,
  { name: scope, requirements }: Scope,
  got: readonly Requirement[],
  { policyPath, keyPath }: Places,
): NodeFinding {
  const particulars = { scope };
  switch (difference.result) {
    case 'keys':
      return createFinding('wrong-keys', keyPath, describeKeys(difference, scope), particulars);
    case 'identity': {
      const message = `expected the signedIdentity ${difference.wanted}, got ${difference.got}`;
      return createFinding('identity-differs', policyPath, message, particulars);
    }
    case 'weaker':
    case 'other': {
      const code = difference.result === 'weaker' ? 'weaker-scope' : 'other-requirement';
      const message = `expected ${nameRequirements(requirements)}, got ${nameRequirements(got)}`;
      return createFinding(code, policyPath, message, particulars);
    }
    case 'stricter': {
      const message = `expected ${nameRequirements(requirements)} and no more, got ${nameRequirements(got)}`;
      return createFinding('stricter-scope', policyPath, message, { scope, severity: 'warning' });
    }
  }
}

function describeKeys(
  { strange, missing }: Extract<Difference, { result: 'keys' }>,
  scope: string,
): string {
  const faults = [
    ...(strange.length > 0 ? [`unexpected ${strange.join(', ')}`] : []),
    ...(missing.length > 0 ? [`missing ${missing.join(', ')}`] : []),
  ];
  return `expected the keys of ${nameScope(scope)}, got others: ${faults.join('; ')}`;
}

/** Requirements by what they ask for, with the number of keys of each. */
export function nameRequirements(requirements: readonly Requirement[]): string {
  const names = requirements.map((requirement) => {
    switch (requirement.type) {
      case 'signedBy': {
        if (hasUnknownKeys(requirement)) {
          return `signedBy a key in ${requirement.keyPaths?.join(', ')}`;
        }
        const { length } = requirement.keyring.keys;
        return length === 1 ? 'signedBy one key' : `signedBy any of ${length} keys`;
      }
      case 'insecureAcceptAnything':
        return requirement.type;
      case 'elsewhere':
      case 'unmeetable':
        return `one that ${requirement.what}`;
    }
  });
  return names.join(' and ');
}
