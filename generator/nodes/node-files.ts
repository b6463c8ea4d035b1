// From the description of a store to the files that nodes need: which keys, which store, which
// policy. Every other form that node-config writes is made from these files.
import { isUnjudged } from '../policy/key-faults.ts';
import { type Policy, type Scope, isOfRelease } from '../policy/policy.ts';
import { type KeyForm, placeKeys } from './key-files.ts';
import type { NodeFile } from './node-file.ts';
import {
  type DefaultRequirement,
  type PolicyJson,
  createPolicyJson,
  formatPolicyJson,
  mergePolicyJson,
} from './policy-file.ts';
import { type RegistriesOptions, formatRegistries } from './registries-d.ts';

export interface NodeFilesOptions extends RegistriesOptions {
  /** What the names of files begin with. */
  readonly name: string;
  /** `data` for a home directory, whose place in the file system nobody knows here. */
  readonly keyForm: KeyForm;
  /** Undefined leaves that of the policy that is merged into; in a new one it is `reject`. */
  readonly byDefault: DefaultRequirement | undefined;
  /** The policy that nodes have now; undefined for one that holds our scopes alone. */
  readonly existing: PolicyJson | undefined;
}

/** Where containers/image looks for its configuration, below `/` and below a home directory. */
export const SYSTEM_DIRECTORY = 'etc/containers';
const USER = '.config/containers';

/**
 * The scopes that a node can be configured for: those that ask for nothing but signatures, by keys that
 * are there.
 */
export function signedScopes(policy: Policy): readonly Scope[] {
  return [...policy.scopes.values()].filter(
    (scope) =>
      scope.signedBy.length > 0 &&
      scope.signedBy.length === scope.requirements.length &&
      !isUnjudged(scope),
  );
}

/** The scopes whose images a release vouches for: their digests come from it, and it is verified before an update. */
export function releaseScopes(policy: Policy): readonly Scope[] {
  return [...policy.scopes.values()].filter(isOfRelease);
}

/** All scopes that the policy of a node has. */
export function policyScopes(policy: Policy): readonly Scope[] {
  return [...signedScopes(policy), ...releaseScopes(policy)];
}

/**
 * The files for nodes, in the order in which they are laid out: the policy comes last, as it asks
 * for what the others give.
 * @throws SharedKeyFileError if one key file shall do for scopes with different keys.
 */
export function createNodeFiles(policy: Policy, options: NodeFilesOptions): readonly NodeFile[] {
  const { name, existing, byDefault, isRootless } = options;
  const scopes = signedScopes(policy);
  const keys = placeKeys(scopes, {
    form: options.keyForm,
    name,
    haveKeyPaths: options.clients !== 'any',
  });
  const all = policyScopes(policy);
  const content = existing
    ? mergePolicyJson(existing, all, keys, byDefault)
    : createPolicyJson(all, keys, byDefault ?? 'reject');
  const directory = isRootless ? USER : SYSTEM_DIRECTORY;
  return [
    ...keys.files,
    ...formatRegistries(name, scopes, options).map(({ path, bytes }) => ({
      path: `${directory}/registries.d/${path}`,
      bytes,
    })),
    { path: `${directory}/policy.json`, bytes: Buffer.from(formatPolicyJson(content)) },
  ];
}
