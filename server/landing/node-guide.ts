// What a page for people shows: the files for nodes, and what each scope adds to them.
import {
  KEY_DIRECTORY,
  type KeyMembers,
  type KeyPlaces,
  placeKeys,
} from '../../generator/nodes/key-files.ts';
import { SYSTEM_DIRECTORY, releaseScopes, signedScopes } from '../../generator/nodes/node-files.ts';
import {
  type DefaultRequirement,
  createPolicyJson,
  formatPolicyJson,
  formatScopeMember,
} from '../../generator/nodes/policy-file.ts';
import {
  type RegistriesOptions,
  formatScopeSection,
  listRegistries,
} from '../../generator/nodes/registries-d.ts';
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import { type Policy, type Scope, createScope } from '../../generator/policy/policy.ts';
import { findAround } from '../../generator/policy/scope-chain.ts';

/** A file for nodes, whose place does not depend on where the store is. */
export interface GuideFile {
  /** Relative to `/`. */
  readonly path: string;
  readonly bytesFor: (url: StoreUrl) => Uint8Array;
}

/** The share of one scope in the files for nodes. */
export interface ScopeGuide {
  readonly scope: Scope;
  /** The file of registries.d, without its directory, and what is in it. */
  readonly registriesFor: (url: StoreUrl) => { readonly file: string; readonly text: string };
  /** A member of the `docker` part of policy.json. */
  readonly policyMember: string;
  /** Where the policy expects the scope's keys, absolute. */
  readonly keyPaths: readonly string[];
}

export interface NodeGuide {
  /** As `lookaside node-config --default` writes them with this default. */
  readonly files: readonly GuideFile[];
  readonly scopes: readonly ScopeGuide[];
  /** The same for some scopes only, with the keys that they name; images outside them stay as they are. */
  readonly filesFor: (scopes: readonly Scope[]) => readonly GuideFile[];
  /** Members of the `docker` part of policy.json for such scopes. */
  readonly membersFor: (scopes: readonly Scope[]) => string;
  /** What the files say of images that no scope covers. */
  readonly byDefault: DefaultRequirement;
  /** Whether the policy asks for nothing that the files leave out. */
  readonly isWhole: boolean;
}

/**
 * Describes the nodes of a store by its own policy, for the oldest clients too. Readers may ask
 * under any address: what is long to make is made here, once, and does not depend on it.
 */
export function createNodeGuide(policy: Policy): NodeGuide {
  const scopes = signedScopes(policy);
  const places = placeKeys(scopes, { form: 'file', name: NAME, haveKeyPaths: false });
  const releases = releaseScopes(policy);
  const written = new Set([...scopes, ...releases]);
  const outside = policy.scopes.get('');
  const byDefault = outside && rejectsAll(outside) ? 'reject' : 'insecureAcceptAnything';
  return {
    files: scopes.length > 0 ? listFiles(scopes, releases, places, byDefault) : [],
    membersFor: (some) =>
      [...some, ...within(some, releases)]
        .map((scope) => formatScopeMember(scope, places))
        .join(',\n'),
    filesFor: (some) => {
      const keyPaths = new Set(some.flatMap((scope) => keyPathsOf(scope, places)));
      return listFiles(some, releases, places, byDefault).filter(
        ({ path }) => !path.startsWith(`${KEY_DIRECTORY}/`) || keyPaths.has(`/${path}`),
      );
    },
    scopes: scopes.map((scope) => ({
      scope,
      registriesFor: (url) => formatScopeSection(NAME, scope, { ...SYSTEM_WIDE, url }),
      policyMember: formatScopeMember(scope, places),
      keyPaths: keyPathsOf(scope, places),
    })),
    byDefault,
    isWhole: [...policy.scopes.values()].every(
      (scope) =>
        written.has(scope) || (scope.name === '' && (scope.takesAnything || rejectsAll(scope))),
    ),
  };
}

/** Of the scopes whose images a release vouches for, those inside the others: they need no signature there. */
function within(some: readonly Scope[], releases: readonly Scope[]): readonly Scope[] {
  const names = new Map(some.map((scope) => [scope.name, scope]));
  return releases.filter(({ name }) => findAround(names, name) !== undefined);
}

/** Whether no image of the scope can be taken, as `reject` says. */
function rejectsAll({ requirements }: Scope): boolean {
  return requirements.every(({ type }) => type === 'unmeetable');
}

/** A section of registries.d for a store of which nothing is known but its address. */
export function formatExampleSection(url: StoreUrl): string {
  const scope = createScope('registry.example.com', undefined, []);
  return formatScopeSection(NAME, scope, { ...SYSTEM_WIDE, url }).text;
}

const NAME = 'lookaside';
const SYSTEM_WIDE: Omit<RegistriesOptions, 'url'> = {
  clients: 'any',
  staging: undefined,
  isRootless: false,
};

/** In the order of `createNodeFiles`. */
function listFiles(
  scopes: readonly Scope[],
  releases: readonly Scope[],
  places: KeyPlaces,
  byDefault: DefaultRequirement,
): readonly GuideFile[] {
  const content = createPolicyJson([...scopes, ...releases], places, byDefault);
  const policyJson = Buffer.from(formatPolicyJson(content));
  return [
    ...places.files.map(({ path, bytes }) => ({ path, bytesFor: () => bytes })),
    ...listRegistries(NAME, scopes).map(({ path, format }) => ({
      path: `${SYSTEM_DIRECTORY}/registries.d/${path}`,
      bytesFor: (url: StoreUrl) => format({ ...SYSTEM_WIDE, url }),
    })),
    { path: `${SYSTEM_DIRECTORY}/policy.json`, bytesFor: () => policyJson },
  ];
}

function keyPathsOf({ signedBy }: Scope, places: KeyPlaces): readonly string[] {
  return signedBy.flatMap((requirement) => toPaths(places.membersFor(requirement)));
}

function toPaths(members: KeyMembers): readonly string[] {
  if ('keyPath' in members) return [members.keyPath];
  return 'keyPaths' in members ? members.keyPaths : [];
}
