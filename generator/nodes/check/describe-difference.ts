import type { Requirement, Scope } from '../../policy/policy.ts';
import type { Difference } from './compare-requirements.ts';
import { type NodeFinding, createFinding, nameScope } from './finding.ts';

/** Where a scope has its requirements, and where they have their keys. */
interface Places {
  readonly policyPath: string;
  readonly keyPath: string;
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
    ...(strange.length > 0 ? [`strange are ${strange.join(', ')}`] : []),
    ...(missing.length > 0 ? [`missing are ${missing.join(', ')}`] : []),
  ];
  return `expected the keys of ${nameScope(scope)}, got others: ${faults.join('; ')}`;
}

/** Requirements by what they ask for, with the number of keys of each. */
export function nameRequirements(requirements: readonly Requirement[]): string {
  const names = requirements.map((requirement) => {
    switch (requirement.type) {
      case 'signedBy': {
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
