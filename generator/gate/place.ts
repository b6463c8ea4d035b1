// Why no node that accepts a signature will ask for it where it lies, and where they would.
import {
  type DockerReference,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../terms/image-name.ts';
import type { UntrustedClaims } from './claims.ts';
import {
  type ImageDirectory,
  type Location,
  formatDirectory,
  formatLocation,
  parseDirectory,
} from '../terms/location.ts';
import { type Rejection, reject } from '../terms/rejection.ts';
import { imagesAt } from './images-at.ts';
import { type Policy, type Scope, findScope } from '../policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
  formatReference,
  matchesIdentity,
} from '../policy/signed-identity.ts';

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
  if (renaming) return mismatch(renaming, signed);

  const scope = findScope(policy, identity);
  if (!scope) return reject('out-of-scope', `no scope covers ${signed}`);
  if (scope.obstacle !== undefined) {
    return reject('policy-rejects', `the scope ${JSON.stringify(scope.name)} ${scope.obstacle}`);
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
    const name = JSON.stringify(scope.name);
    const message = `expected signatures of the scope ${name} in ${JSON.stringify(scope.prefix)}`;
    return reject('repository-mismatch', message, cure);
  }
  return mismatch(rule ?? DEFAULT_IDENTITY, signed);
}

function below(prefix: string, { repository }: DockerReference): string {
  return prefix === '' ? repository : `${prefix}/${repository}`;
}

/** Rules by which the signed name is another than the one that nodes look up. */
const RENAMING: ReadonlySet<string> = new Set([
  'exactReference',
  'exactRepository',
  'remapIdentity',
] satisfies SignedIdentity['type'][]);

function mismatch(rule: SignedIdentity, signed: string): Rejection {
  return reject('identity-mismatch', `expected an identity by ${formatRule(rule)}, got ${signed}`);
}

/** By the rule for names that holds where nothing else is configured. */
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
 * The cure for a signature in a wrong place: where it belongs by what it says, undefined if no
 * place is right. `parents` is the
 * path that it lies below now; what stands before the repository there is kept.
 */
export function suggestPlace(
  policy: Policy,
  { dockerReference, manifestDigest }: UntrustedClaims,
  parents: string,
  number: number,
): string | undefined {
  const identity = parseDockerReference(dockerReference);
  const [algorithm, hex] = manifestDigest.split(':', 2);
  if (!identity || algorithm !== 'sha256' || hex === undefined) return undefined;
  const { image, scope } = findImage(policy, identity);
  const lead = scope?.prefix ?? leadOf(parents, image);
  const candidates = [parents, below(lead, image), image.repository].map((repository) =>
    parseDirectory(formatDirectory(repository, hex)),
  );
  const right = candidates.find((place) => place && isGoodPlace(policy, place, identity));
  if (!right) return undefined;
  const place = JSON.stringify(formatLocation(right.directory, number));
  return `By what it signs it belongs to ${place}, or the next free number there.`;
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

/** The image that a signed name is good for: itself, or what a renaming rule makes of it. */
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

/** What stands before the repository, if the path ends with it; and the host, if that is right. */
function leadOf(parents: string, { host, repository }: DockerReference): string {
  const hasHost = parents.split('/').some((part) => normalizeHost(part) === host);
  if (parents === repository || !`/${parents}`.endsWith(`/${repository}`))
    return hasHost ? host : '';
  const lead = parents.slice(0, -repository.length - 1);
  const last = lead.slice(lead.lastIndexOf('/') + 1);
  if (!looksLikeHost(last) || normalizeHost(last) === host) return lead;
  return [...lead.split('/').slice(0, -1), host].join('/');
}
