// What a page for people shows: the files for nodes, and what each scope adds to them.
import { type Policy, type Scope, createScope } from '../policy/policy.ts';
import { type KeyMembers, placeKeys } from './key-files.ts';
import type { NodeFile } from './node-file.ts';
import { type NodeFilesOptions, createNodeFiles, signedScopes } from './node-files.ts';
import { formatScopeMember } from './policy-file.ts';
import { formatScopeSection } from './registries-d.ts';
import type { StoreUrl } from './store-url.ts';

/** The share of one scope in the files for nodes. */
export interface ScopeGuide {
  readonly scope: Scope;
  /** The file of registries.d, without its directory, and what is in it. */
  readonly registries: { readonly file: string; readonly text: string };
  /** A member of the `docker` part of policy.json. */
  readonly policyMember: string;
  /** Where the policy expects the scope's keys, absolute. */
  readonly keyPaths: readonly string[];
}

export interface NodeGuide {
  /** As `lookaside node-config --default insecureAcceptAnything` writes them. */
  readonly files: readonly NodeFile[];
  readonly scopes: readonly ScopeGuide[];
  /** Whether the policy asks for nothing that the files leave out. */
  readonly isWhole: boolean;
}

/** Describes the nodes of a store by its own policy, for the oldest clients too. */
export function createNodeGuide(policy: Policy, url: StoreUrl): NodeGuide {
  const options = { ...DEFAULTS, url };
  const scopes = signedScopes(policy);
  const places = placeKeys(scopes, { form: 'file', name: NAME, haveKeyPaths: false });
  const signed = new Set(scopes);
  return {
    files: scopes.length > 0 ? createNodeFiles(policy, options) : [],
    scopes: scopes.map((scope) => ({
      scope,
      registries: formatScopeSection(NAME, scope, options),
      policyMember: formatScopeMember(scope, places),
      keyPaths: scope.signedBy.flatMap(({ keyring }) => toPaths(places.membersFor(keyring))),
    })),
    isWhole: [...policy.scopes.values()].every(
      (scope) => signed.has(scope) || (scope.name === '' && scope.takesAnything),
    ),
  };
}

/** A section of registries.d for a store of which nothing is known but its address. */
export function formatExampleSection(url: StoreUrl): string {
  const scope = createScope('registry.example.com', undefined, []);
  return formatScopeSection(NAME, scope, { ...DEFAULTS, url }).text;
}

const NAME = 'lookaside';
const DEFAULTS: Omit<NodeFilesOptions, 'url'> = {
  name: NAME,
  clients: 'any',
  keyForm: 'file',
  byDefault: 'insecureAcceptAnything',
  staging: undefined,
  isRootless: false,
  existing: undefined,
};

function toPaths(members: KeyMembers): readonly string[] {
  if ('keyPath' in members) return [members.keyPath];
  return 'keyPaths' in members ? members.keyPaths : [];
}
