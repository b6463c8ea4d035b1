// policy.json: what nodes ask of images before they use them (containers-policy.json(5)).
import { z } from 'zod';
import { type Scope, type SignedBy, isOfRelease } from '../policy/policy.ts';
import { DEFAULT_IDENTITY, toSignedIdentityJson } from '../policy/signed-identity.ts';
import type { KeyPlaces } from './key-files.ts';
import type { NodeFile } from './node-file.ts';

/** What holds for images that no scope covers. */
export type DefaultRequirement = 'reject' | 'insecureAcceptAnything';

/** A requirement as the file has it. */
const requirementJson = z.record(z.string(), z.unknown());
const scopesJson = z.record(z.string(), z.array(requirementJson));
const policyJson = z.object({
  default: z.array(requirementJson),
  transports: z.record(z.string(), scopesJson).default({}),
});

type RequirementJson = z.output<typeof requirementJson>;
type ScopesJson = z.output<typeof scopesJson>;

/** A policy file, whose requirements are as written. */
export type PolicyJson = z.output<typeof policyJson>;

/** Takes the text of a policy file that `parsePolicyFile` has found good. */
export function readPolicyJson(text: string): PolicyJson {
  return policyJson.parse(JSON.parse(text));
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
  return {
    default: byDefault ? [{ type: byDefault }] : existing.default,
    transports: {
      ...existing.transports,
      docker: { ...existing.transports['docker'], ...toDockerScopes(scopes, places) },
    },
  };
}

/** The text of the file. */
export function formatPolicyJson(policy: PolicyJson): string {
  return `${JSON.stringify(policy, null, INDENT)}\n`;
}

/** What the `docker` part of a policy says of one scope: a member to paste there. */
export function formatScopeMember(scope: Scope, places: KeyPlaces): string {
  const lines = JSON.stringify(toDockerScopes([scope], places), null, INDENT).split('\n');
  const inBraces = lines.slice(1, -1);
  return inBraces.map((line) => line.slice(INDENT)).join('\n');
}

function toDockerScopes(scopes: readonly Scope[], places: KeyPlaces): ScopesJson {
  return Object.fromEntries(
    scopes.map((scope) => [
      scope.name,
      isOfRelease(scope)
        ? [{ type: 'insecureAcceptAnything' }]
        : scope.signedBy.map((requirement) => toRequirementJson(requirement, places)),
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

/** Whether it is a policy.json. */
export function isPolicy({ path }: NodeFile): boolean {
  return path.endsWith('/policy.json');
}
