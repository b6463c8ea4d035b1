// What a node needs for scopes that a reader has named: of a store that checks all images alike, each
// reader says for which images a node shall ask for signatures.
import { type Policy, type Scope, createScope, keepIn } from '../../generator/policy/policy.ts';
import { findAround, scopeChain } from '../../generator/policy/scope-chain.ts';
import { isScopeName, whyNoScope } from '../../generator/policy/scope-name.ts';
import { type Download, createWay } from './downloads.ts';
import type { NodeGuide } from './node-guide.ts';
import { type Platform, platformsIn } from './platforms.ts';

/** Names that are taken at once. */
const MOST = 8;

export interface AskedScopes {
  readonly names: readonly string[];
  /** What a node fetches, with where it installs it. */
  readonly downloads: readonly Download[];
  /** For the `docker` part of a policy that a node has already. */
  readonly policyMembers: string;
  /** Whose own images lie in them. */
  readonly platforms: readonly Platform[];
}

/** The names in what a reader wrote, in order, or what is wrong with it. */
export function readScopeNames(text: string): readonly string[] | string {
  const names = [...new Set(text.split(/[\s,]+/).filter(Boolean))].toSorted();
  if (names.length === 0) return 'Write at least one registry, such as registry.example.com/team.';
  if (names.length > MOST) return `Write at most ${MOST} scopes at once.`;
  const wrong = names.find((name) => !isScopeName(name));
  if (wrong === undefined) return names;
  return `Expected HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY or *.DOMAIN, got ${JSON.stringify(wrong)}${whyNoScope(wrong)}.`;
}

/** What nodes need for these scopes; a sentence where the store has no keys for one of them. */
export function findAskedScopes(
  names: readonly string[],
  policy: Policy,
  guide: Pick<NodeGuide, 'scopes' | 'filesFor' | 'membersFor'>,
): AskedScopes | string {
  const signed = new Map(guide.scopes.map(({ scope }) => [scope.name, scope]));
  const asked: Scope[] = [];
  for (const name of names) {
    const around = findAround(policy.scopes, name);
    const scope = around && signed.get(around.name);
    if (!scope) return `This store has no keys for images of ${name}.`;
    asked.push(keepIn(scope.store, createScope(name, scope.prefix, scope.requirements)));
  }
  // Those that have keys of their own keep them.
  const below = [...signed.values()].filter(
    ({ name }) => name !== '' && !names.includes(name) && names.some((one) => covers(one, name)),
  );
  const all = [...asked, ...below];
  return {
    names,
    policyMembers: guide.membersFor(all),
    downloads: createWay(guide.filesFor(all), `nodes/scopes/${names.join(',')}/`),
    platforms: [...new Set(names.flatMap(platformsIn))],
  };
}

function covers(scope: string, other: string): boolean {
  return scopeChain(other).includes(scope);
}
