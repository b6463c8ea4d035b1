// Which images nodes look up at a place of the tree. The path on the wire has no registry host
// (containers/image docker/registries_d.go), and a tree may have anything before the repository,
// so one place can stand for several images; what the policy and the signed name leave is tried.
import { type Policy, type Scope, findScope } from '../policy/policy.ts';
import { nameOf } from '../policy/signed-identity.ts';
import {
  type DockerReference,
  MAX_NAME_LENGTH,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../terms/image-name.ts';
import type { ImageDirectory } from '../terms/location.ts';

/** An image that nodes may ask for at a place, and the scope that they judge it by. */
export interface PlacedImage {
  readonly image: DockerReference;
  readonly scope: Scope;
}

/** Images at a location, with the tag that was signed, the location's digest, or a scope's own. */
export function* imagesAt(
  policy: Policy,
  { repository, hex }: ImageDirectory,
  identity: DockerReference,
): Generator<PlacedImage> {
  for (const { name, lead, told } of namesAt(policy, repository, identity.host)) {
    for (const image of referencesTo(policy, name, identity, `sha256:${hex}`)) {
      const scope = findScope(policy, image);
      if (scope && isPlaced(scope, image, lead, told)) yield { image, scope };
    }
  }
}

/** What the path of a place may be the name of. */
interface PlacedName {
  readonly name: DockerReference;
  /** The path before it. */
  readonly lead: string;
  /** The host in the path before it, if there is one. */
  readonly told: string | undefined;
}

/** Names that are remembered, since the signatures of a repository come by the hundred. */
const NAMES = new WeakMap<Policy, Map<string, readonly PlacedName[]>>();
/** Places of a policy whose names are remembered. */
const MAX_PLACES = 1000;

function namesAt(policy: Policy, repository: string, host: string): readonly PlacedName[] {
  const places = NAMES.get(policy) ?? new Map<string, readonly PlacedName[]>();
  const place = `${host}/${repository}`;
  const known = places.get(place);
  if (known) return known;
  const names = [...findNames(policy, repository, host)];
  if (places.size >= MAX_PLACES) places.clear();
  NAMES.set(policy, places.set(place, names));
  return names;
}

function* findNames(policy: Policy, repository: string, host: string): Generator<PlacedName> {
  // From the right: no image has a longer name.
  let start = repository.lastIndexOf('/') + 1;
  while (repository.length - start <= MAX_NAME_LENGTH) {
    const path = repository.slice(start);
    const lead = repository.slice(0, Math.max(start - 1, 0));
    const before = lead.slice(lead.lastIndexOf('/') + 1);
    const told = looksLikeHost(before) ? normalizeHost(before) : undefined;
    for (const candidate of new Set([host, ...policy.hosts, ...(told ? [told] : [])])) {
      const name = parseDockerReference(`${candidate}/${path}`);
      if (name?.repository === path) yield { name, lead, told };
    }
    if (start === 0) return;
    start = repository.lastIndexOf('/', start - 2) + 1;
  }
}

/** In the scope's place; where it has none, a host before the repository is taken at its word. */
function isPlaced(
  { prefix }: Scope,
  image: DockerReference,
  lead: string,
  told: string | undefined,
): boolean {
  if (prefix !== undefined) return lead === prefix;
  return told === undefined || told === image.host;
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
