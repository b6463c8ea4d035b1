// Which images nodes look up at a place of the tree. The path on the wire has no registry host
// (containers/image docker/registries_d.go), and a tree may have anything before the repository,
// so one place can stand for several images; what the policy and the signed name leave is tried.
import {
  type DockerReference,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../docker-reference.ts';
import type { Location } from '../location.ts';
import { type Policy, type Scope, findScope } from './policy.ts';
import { nameOf } from './signed-identity.ts';

/** An image that nodes may ask for at a place, and the scope that they judge it by. */
export interface PlacedImage {
  readonly image: DockerReference;
  readonly scope: Scope;
}

/** Images at a location, with the tag that was signed, the location's digest, or a scope's own. */
export function* imagesAt(
  policy: Policy,
  { repository, hex }: Location,
  identity: DockerReference,
): Generator<PlacedImage> {
  const components = repository.split('/');
  for (let index = 0; index < components.length; index++) {
    const path = components.slice(index).join('/');
    const before = components[index - 1];
    const isPrefix = policy.prefixes.has(components.slice(0, index).join('/'));
    const hosts =
      before !== undefined && looksLikeHost(before) && !isPrefix
        ? [normalizeHost(before)]
        : new Set([identity.host, ...policy.hosts]);
    for (const host of hosts) {
      const name = parseDockerReference(`${host}/${path}`);
      if (name?.repository !== path) continue;
      for (const image of referencesTo(policy, name, identity, `sha256:${hex}`)) {
        const scope = findScope(policy, image);
        if (scope && isPlaced(scope, path, repository)) yield { image, scope };
      }
    }
  }
}

function isPlaced({ prefix }: Scope, path: string, repository: string): boolean {
  if (prefix === undefined) return true;
  return repository === (prefix === '' ? path : `${prefix}/${path}`);
}

function* referencesTo(
  policy: Policy,
  name: DockerReference,
  identity: DockerReference,
  digest: string,
): Generator<DockerReference> {
  yield { ...name, digest };
  if (identity.tag !== undefined) yield { ...name, tag: identity.tag };
  for (const tag of policy.tags.get(nameOf(name)) ?? []) yield { ...name, tag };
}
