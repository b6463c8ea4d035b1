// Which images nodes look up at a place of the tree, and, where a signature is good for none of
// them, why, and where it belongs. The path on the wire has no registry host (containers/image
// docker/registries_d.go), and a tree may have anything before the repository, so one place can stand
// for several images: all are tried that the policy and the signed name allow.
import {
  type DockerReference,
  MAX_NAME_LENGTH,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../terms/image-name.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';
import {
  type ImageDirectory,
  type Location,
  formatDirectory,
  formatLocation,
  parseDirectory,
} from '../terms/location.ts';
import { type Rejection, reject } from '../terms/rejection.ts';
import { asSentence, toLine, withoutBackticks } from '../terms/text.ts';
import {
  type Policy,
  type Scope,
  describeScope,
  findScope,
  isOfRelease,
} from '../policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
  formatReference,
  matchesIdentity,
  nameOf,
  remapReference,
} from '../policy/signed-identity.ts';
import { findShortPrefix } from '../policy/unmatched-scope.ts';

/** An image that nodes may ask for at a place, and the scope that they judge it by. */
export interface PlacedImage {
  readonly image: DockerReference;
  readonly scope: Scope;
}

/** The images at a place: with the tag that was signed, by the place's digest, or with a scope's own tag. */
export function* imagesAt(
  policy: Policy,
  { repository, digestHex }: ImageDirectory,
  identity: DockerReference,
): Generator<PlacedImage> {
  for (const { name, lead, told } of namesAt(policy, repository, identity.host)) {
    for (const image of referencesTo(policy, name, identity, `sha256:${digestHex}`)) {
      const scope = findScope(policy, image);
      if (scope && isPlaced(scope, image, lead, told)) yield { image, scope };
    }
  }
}

/** Whether nodes look at a place for an image that a release vouches for: it needs no signature of its own. */
export function isVouchedFor(policy: Policy, { repository, digestHex }: ImageDirectory): boolean {
  const scopes = [...policy.scopes.values()].filter(isOfRelease);
  const [host] = policy.hosts;
  if (scopes.length === 0 || host === undefined) return false;
  return namesAt(policy, repository, host).some(({ name, lead, told }) => {
    const image = { ...name, digest: `sha256:${digestHex}` };
    const scope = findScope(policy, image);
    return scope && scopes.includes(scope) && isPlaced(scope, image, lead, told);
  });
}

/** One way to read the path of a place as the name of an image. */
interface PlacedName {
  readonly name: DockerReference;
  /** The path before it. */
  readonly lead: string;
  /** The host in the path before it, if there is one. */
  readonly told: string | undefined;
}

/** Names found so far, since the signatures of a repository come by the hundred. */
const NAMES = new WeakMap<Policy, Map<string, readonly PlacedName[]>>();
/** Places of a policy whose names are kept. */
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

/** Whether nodes look here for an image: in its scope's place, else below the right host or none. */
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

/** The fault of a signature that is good for none of the images at its place. */
export function explainPlace(
  policy: Policy,
  location: Location,
  claims: UntrustedClaims,
  identity: DockerReference,
): Rejection {
  const signed = JSON.stringify(claims.dockerReference);
  const placed = [...imagesAt(policy, location, identity)];
  const open = placed.filter(({ scope }) => scope.obstacle === undefined);
  const rules = open.flatMap(({ scope }) => scope.signedBy.map((one) => one.signedIdentity));
  const renaming = rules.find(({ type }) => RENAMING.has(type));
  if (renaming) return mismatch(renaming, claims.dockerReference, open);

  const scope = findScope(policy, identity);
  if (scope?.obstacle !== undefined || !scope) {
    const fault = scope
      ? reject('policy-rejects', `${describeScope(scope)} ${scope.obstacle}`)
      : reject('out-of-scope', `no scope covers ${signed}`);
    const hint = suggestHost(open, identity, signed);
    const signedAs = claims.dockerReference;
    return { ...fault, signedAs, ...(hint !== undefined && { hint: toLine(hint) }) };
  }
  const place = suggestPlace(policy, claims, location.repository, location.number);
  const cure = place === undefined ? {} : { hint: place };
  const [rule] = rules;
  const isTagless = identity.tag === undefined && identity.digest === undefined;
  if (isTagless && rule?.type !== 'matchRepository') {
    return reject('identity-without-tag', `expected a tag or digest in ${signed}`);
  }
  const fault = findNameFault(location, identity, signed, cure);
  if (fault) return fault;
  if (scope.prefix !== undefined && location.repository !== below(scope.prefix, identity)) {
    const prefix = JSON.stringify(scope.prefix);
    const message = `expected signatures for ${describeScope(scope)} below ${prefix}`;
    return reject('repository-mismatch', message, cure);
  }
  return mismatch(rule ?? DEFAULT_IDENTITY, signed, open);
}

/** The cure where the image has a scope under another host: most often one of the two has a port. */
function suggestHost(
  open: readonly PlacedImage[],
  identity: DockerReference,
  signed: string,
): string | undefined {
  const other = open.find(
    ({ image, scope }) =>
      scope.name.startsWith(image.host) &&
      image.repository === identity.repository &&
      stripPort(image.host) === stripPort(identity.host),
  );
  if (!other) return undefined;
  const { digest: _, ...image } = { ...other.image, tag: identity.tag };
  const wanted = JSON.stringify(formatReference({ ...image, digest: identity.digest }));
  return `Sign it as ${wanted}, which ${describeScope(other.scope)} covers, or add a scope for ${signed}.`;
}

function stripPort(host: string): string {
  return host.replace(/:[0-9]+$/, '');
}

function below(prefix: string, { repository }: DockerReference): string {
  return prefix === '' ? repository : `${prefix}/${repository}`;
}

/** Rules by which the signed name differs from the one that nodes look up. */
const RENAMING: ReadonlySet<string> = new Set([
  'exactReference',
  'exactRepository',
  'remapIdentity',
] satisfies SignedIdentity['type'][]);

function mismatch(rule: SignedIdentity, signedAs: string, open: readonly PlacedImage[]): Rejection {
  const isRemapped =
    rule.type === 'remapIdentity' &&
    open.some(({ image }) => !remapReference(image, rule.prefix, rule.signedPrefix));
  const short = isRemapped ? findShortPrefix(rule) : undefined;
  const message = `expected an identity by ${formatRule(rule)}, got ${JSON.stringify(signedAs)}`;
  if (!short) return reject('identity-mismatch', message);
  const hint = asSentence(short.cure);
  return {
    ...reject('identity-mismatch', `${message}: ${short.reason}`, { hint }),
    signedAs,
  };
}

/** What is wrong with the place by the default rule for names. */
function findNameFault(
  location: Location,
  identity: DockerReference,
  signed: string,
  cure: { readonly hint?: string },
): Rejection | undefined {
  const directory = location.repository.split('/');
  const repository = identity.repository.split('/');
  if (directory.slice(-repository.length).join('/') !== identity.repository) {
    const message = `expected a signature for ${JSON.stringify(location.repository)}, got one for ${signed}`;
    return reject('repository-mismatch', message, cure);
  }
  const before = directory.at(-repository.length - 1);
  if (before !== undefined && looksLikeHost(before) && normalizeHost(before) !== identity.host) {
    const message = `expected the host ${JSON.stringify(before)}, got ${signed}`;
    return reject('host-mismatch', message, cure);
  }
  return undefined;
}

function formatRule(rule: SignedIdentity): string {
  switch (rule.type) {
    case 'exactReference':
      return `${rule.type} ${formatReference(rule.reference)}`;
    case 'exactRepository':
      return `${rule.type} ${formatReference(rule.repository)}`;
    case 'remapIdentity':
      return `${rule.type} from ${rule.prefix} to ${rule.signedPrefix}`;
    case 'matchExact':
    case 'matchRepoDigestOrExact':
    case 'matchRepository':
      return rule.type;
  }
}

/**
 * Where a signature belongs by what it says; undefined if no place is right. `parents` is the path that
 * it lies below now, or ''; what stands there before the repository is kept.
 */
export function findPlace(
  policy: Policy,
  { dockerReference, manifestDigest }: UntrustedClaims,
  parents: string,
): ImageDirectory | undefined {
  const identity = parseDockerReference(dockerReference);
  const [algorithm, digestHex] = manifestDigest.split(':', 2);
  if (!identity || algorithm !== 'sha256' || digestHex === undefined) return undefined;
  const { image, scope } = findImage(policy, identity);
  const lead = scope?.prefix ?? leadOf(parents, image);
  const candidates = [parents, below(lead, image), image.repository].map((repository) =>
    parseDirectory(formatDirectory(repository, digestHex)),
  );
  return candidates.find((place) => place && isGoodPlace(policy, place, identity));
}

/** The cure for a signature in a wrong place, in a sentence; else as {@link findPlace}. */
export function suggestPlace(
  policy: Policy,
  claims: UntrustedClaims,
  parents: string,
  number: number,
): string | undefined {
  const right = findPlace(policy, claims, parents);
  if (!right) return undefined;
  const place = JSON.stringify(withoutBackticks(formatLocation(right.directory, number)));
  return `By its content it belongs to ${place}, or to the next free number there.`;
}

/**
 * Where nodes look for the signatures of an image by default. A signature for which there is no right
 * place is judged there, which says why. A rejection if nodes cannot ask for the image at all.
 */
export function defaultPlace({
  dockerReference,
  manifestDigest,
}: UntrustedClaims): ImageDirectory | Rejection {
  const identity = parseDockerReference(dockerReference);
  if (!identity) {
    const got = JSON.stringify(dockerReference);
    return reject('invalid-identity', `expected an image name, got ${got}`);
  }
  const digestHex = manifestDigest.replace(/^sha256:/, '');
  const place = parseDirectory(formatDirectory(identity.repository, digestHex));
  if (place && digestHex !== manifestDigest) return place;
  const got = JSON.stringify(manifestDigest);
  return reject(
    'invalid-digest',
    `expected a sha256 digest as the image that is signed, got ${got}`,
    {
      hint: 'Sign the sha256 digest of the manifest: nodes look for no other.',
    },
  );
}

/** Whether nodes that look there may take the signed name. */
function isGoodPlace(policy: Policy, place: ImageDirectory, identity: DockerReference): boolean {
  for (const { scope, image } of imagesAt(policy, place, identity)) {
    if (scope.obstacle !== undefined) continue;
    const rules = scope.signedBy.map((one) => one.signedIdentity);
    if (scope.takesAnything) rules.push(DEFAULT_IDENTITY);
    if (rules.some((rule) => matchesIdentity(rule, image, identity))) return true;
  }
  return false;
}

/** The image that a signed name is good for: itself, or the one that a renaming rule makes of it. */
function findImage(
  policy: Policy,
  identity: DockerReference,
): { image: DockerReference; scope: Scope | undefined } {
  const own = findScope(policy, identity);
  const isGood = (scope: Scope | undefined, image: DockerReference): boolean =>
    scope?.signedBy.some((one) => matchesIdentity(one.signedIdentity, image, identity)) ?? false;
  if (!isGood(own, identity)) {
    for (const scope of policy.scopes.values()) {
      for (const { signedIdentity: rule } of scope.signedBy) {
        const image = imageByRule(rule, scope, identity);
        if (image && findScope(policy, image) === scope && isGood(scope, image)) {
          return { image, scope };
        }
      }
    }
  }
  return { image: identity, scope: own };
}

function imageByRule(
  rule: SignedIdentity,
  { name }: Scope,
  identity: DockerReference,
): DockerReference | undefined {
  if (rule.type !== 'remapIdentity') {
    const image = RENAMING.has(rule.type) && name.includes('/') && parseDockerReference(name);
    return image ? { ...image, tag: identity.tag, digest: identity.digest } : undefined;
  }
  const signed = formatReference(identity);
  return signed.startsWith(`${rule.signedPrefix}/`)
    ? parseDockerReference(rule.prefix + signed.slice(rule.signedPrefix.length))
    : undefined;
}

/** The path before the repository, if it ends with the repository; with the host put right in it. */
function leadOf(parents: string, { host, repository }: DockerReference): string {
  const hasHost = parents.split('/').some((part) => normalizeHost(part) === host);
  if (parents === repository || !`/${parents}`.endsWith(`/${repository}`))
    return hasHost ? host : '';
  const lead = parents.slice(0, -repository.length - 1);
  const last = lead.slice(lead.lastIndexOf('/') + 1);
  if (!looksLikeHost(last) || normalizeHost(last) === host) return lead;
  return [...lead.split('/').slice(0, -1), host].join('/');
}
