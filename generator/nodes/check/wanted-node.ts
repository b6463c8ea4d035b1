import type { Policy, Scope } from '../../policy/policy.ts';
import { policyScopes, signedScopes } from '../node-files.ts';
import type { DefaultRequirement } from '../policy-file.ts';
import type { RegistriesOptions } from '../registries-d.ts';

/** What a node should do, whatever files make it do so. */
export interface WantedNode extends RegistriesOptions {
  /** Those that ask for signatures, by name. */
  readonly scopes: ReadonlyMap<string, Scope>;
  /** These, and those whose images a release vouches for. */
  readonly policyScopes: ReadonlyMap<string, Scope>;
  /** For images that no scope covers; undefined leaves that to the node. */
  readonly byDefault: DefaultRequirement | undefined;
  readonly now: Date;
  /** Keys that expire within this time are told of, in milliseconds. */
  readonly expiryWarning: number;
}

/** Takes from a policy what nodes can be configured for. */
export function createWantedNode(
  policy: Policy,
  options: Omit<WantedNode, 'scopes' | 'policyScopes'>,
): WantedNode {
  return {
    ...options,
    scopes: byName(signedScopes(policy)),
    policyScopes: byName(policyScopes(policy)),
  };
}

function byName(scopes: readonly Scope[]): ReadonlyMap<string, Scope> {
  return new Map(scopes.map((scope) => [scope.name, scope]));
}
