import type { Policy, Scope } from '../../policy/policy.ts';
import { signedScopes } from '../node-files.ts';
import type { DefaultRequirement } from '../policy-file.ts';
import type { RegistriesOptions } from '../registries-d.ts';

/** What a node should do, whatever files make it do so. */
export interface WantedNode extends RegistriesOptions {
  /** By name. */
  readonly scopes: ReadonlyMap<string, Scope>;
  /** For images that no scope covers; undefined leaves that to the node. */
  readonly byDefault: DefaultRequirement | undefined;
  readonly now: Date;
  /** Keys that expire within this time are told of, in milliseconds. */
  readonly expiryWarning: number;
}

/** Takes from a policy what nodes can be configured for. */
export function createWantedNode(policy: Policy, options: Omit<WantedNode, 'scopes'>): WantedNode {
  return { ...options, scopes: new Map(signedScopes(policy).map((scope) => [scope.name, scope])) };
}
