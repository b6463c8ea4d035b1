// policy.json: what nodes ask of images before they use them (containers-policy.json(5)).
import type { Scope, SignedBy } from '../policy/policy.ts';
import { DEFAULT_IDENTITY, toSignedIdentityJson } from '../policy/signed-identity.ts';
import type { KeyPlaces } from './key-files.ts';

/** What holds for images that no scope covers. */
export type DefaultRequirement = 'reject' | 'insecureAcceptAnything';

/** A requirement as the file has it. */
export type RequirementJson = Readonly<Record<string, unknown>>;

type Scopes = Readonly<Record<string, readonly RequirementJson[]>>;

/** A policy file that nodes would read. */
export interface PolicyJson {
  readonly default: readonly RequirementJson[];
  readonly transports?: Readonly<Record<string, Scopes>>;
}

const INDENT = 2;

/** A policy for a node that had none of its own. */
export function createPolicyJson(
  scopes: readonly Scope[],
  places: KeyPlaces,
  byDefault: DefaultRequirement,
): PolicyJson {
  return {
    default: [{ type: byDefault }],
    transports: {
      docker: toDockerScopes(scopes, places),
      // As distributions have it: images that a daemon on the same machine holds already.
      'docker-daemon': { '': [{ type: 'insecureAcceptAnything' }] },
    },
  };
}

/** Puts the scopes into a policy; what it says otherwise stays. */
export function mergePolicyJson(
  existing: PolicyJson,
  scopes: readonly Scope[],
  places: KeyPlaces,
  byDefault: DefaultRequirement | undefined,
): PolicyJson {
  const { transports = {} } = existing;
  return {
    ...existing,
    ...(byDefault && { default: [{ type: byDefault }] }),
    transports: {
      ...transports,
      docker: { ...transports['docker'], ...toDockerScopes(scopes, places) },
    },
  };
}

/** The text of the file. */
export function formatPolicyJson(policy: PolicyJson): string {
  return `${JSON.stringify(policy, null, INDENT)}\n`;
}

function toDockerScopes(scopes: readonly Scope[], places: KeyPlaces): Scopes {
  return Object.fromEntries(
    scopes.map(({ name, signedBy }) => [
      name,
      signedBy.map((requirement) => toRequirementJson(requirement, places)),
    ]),
  );
}

function toRequirementJson(
  { keyring, signedIdentity: rule }: SignedBy,
  { membersFor }: KeyPlaces,
): RequirementJson {
  return {
    type: 'signedBy',
    keyType: 'GPGKeys',
    ...membersFor(keyring),
    ...(rule.type !== DEFAULT_IDENTITY.type && { signedIdentity: toSignedIdentityJson(rule) }),
  };
}
