// The six rules of containers-policy.json for which signed name is good for which image
// (containers/image signature/policy_reference_match.go).
import { z } from 'zod';
import {
  type DockerReference,
  isNamePrefix,
  parseDockerReference,
  parseFullName,
} from '../terms/image-name.ts';

/** A `signedIdentity` object, checked; references in it are parsed. */
export type SignedIdentity =
  | { readonly type: 'matchExact' | 'matchRepoDigestOrExact' | 'matchRepository' }
  | { readonly type: 'exactReference'; readonly reference: DockerReference }
  | { readonly type: 'exactRepository'; readonly repository: DockerReference }
  | { readonly type: 'remapIdentity'; readonly prefix: string; readonly signedPrefix: string };

/** The rule that nodes use if nothing is configured. */
export const DEFAULT_IDENTITY: SignedIdentity = { type: 'matchRepoDigestOrExact' };

/** Whether a signature of `identity` is good for `image`, which has a tag or a digest. */
export function matchesIdentity(
  rule: SignedIdentity,
  image: DockerReference,
  identity: DockerReference,
): boolean {
  switch (rule.type) {
    case 'matchExact':
      return !isNameOnly(identity) && isSameReference(identity, image);
    case 'matchRepoDigestOrExact':
      return matchesRepoDigestOrExact(image, identity);
    case 'matchRepository':
      return isSameName(identity, image);
    case 'exactReference':
      return !isNameOnly(identity) && isSameReference(identity, rule.reference);
    case 'exactRepository':
      return isSameName(identity, rule.repository);
    case 'remapIdentity': {
      const remapped = remapReference(image, rule.prefix, rule.signedPrefix);
      return remapped !== undefined && matchesRepoDigestOrExact(remapped, identity);
    }
  }
}

function matchesRepoDigestOrExact(image: DockerReference, identity: DockerReference): boolean {
  if (isNameOnly(identity)) return false;
  return image.tag === undefined ? isSameName(identity, image) : isSameReference(identity, image);
}

function isSameName(a: DockerReference, b: DockerReference): boolean {
  return a.repository === b.repository && a.host === b.host;
}

function isSameReference(a: DockerReference, b: DockerReference): boolean {
  return isSameName(a, b) && a.tag === b.tag && a.digest === b.digest;
}

/**
 * The image under its other name: itself if it does not lie below the prefix, undefined if the result
 * is no valid name in full form (containers/image signature/policy_reference_match.go).
 */
export function remapReference(
  image: DockerReference,
  prefix: string,
  signedPrefix: string,
): DockerReference | undefined {
  const name = nameOf(image);
  if (name !== prefix && !name.startsWith(`${prefix}/`)) return image;
  return parseFullName(signedPrefix + formatReference(image).slice(prefix.length));
}

/** A rule as policy.json has it; the inverse of parsing it. */
export function toSignedIdentityJson(rule: SignedIdentity): Readonly<Record<string, string>> {
  switch (rule.type) {
    case 'matchExact':
    case 'matchRepoDigestOrExact':
    case 'matchRepository':
    case 'remapIdentity':
      return { ...rule };
    case 'exactReference':
      return { type: rule.type, dockerReference: formatReference(rule.reference) };
    case 'exactRepository':
      return { type: rule.type, dockerRepository: nameOf(rule.repository) };
  }
}

function isNameOnly({ tag, digest }: DockerReference): boolean {
  return tag === undefined && digest === undefined;
}

/** `HOST/REPOSITORY`. */
export function nameOf({ host, repository }: DockerReference): string {
  return `${host}/${repository}`;
}

/** The full form of a parsed reference; the inverse of parsing it. */
export function formatReference(reference: DockerReference): string {
  const { tag, digest } = reference;
  const name = nameOf(reference);
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

// `signedIdentity` as policy files and our own configuration write it (containers/image
// signature/policy_config.go); unknown members are errors, as for nodes.
const unparameterised = z.strictObject({
  type: z.enum(['matchExact', 'matchRepoDigestOrExact', 'matchRepository']),
});

const exactReference = z
  .strictObject({ type: z.literal('exactReference'), dockerReference: z.string() })
  .transform(({ type, dockerReference }, context): SignedIdentity => {
    const reference = parseDockerReference(dockerReference);
    if (reference && (reference.tag !== undefined || reference.digest !== undefined)) {
      return { type, reference };
    }
    const got = JSON.stringify(dockerReference);
    context.addIssue(`expected an image name with a tag or digest in dockerReference, got ${got}`);
    return z.NEVER;
  });

const exactRepository = z
  .strictObject({ type: z.literal('exactRepository'), dockerRepository: z.string() })
  .transform(({ type, dockerRepository }, context): SignedIdentity => {
    const repository = parseDockerReference(dockerRepository);
    if (repository) return { type, repository };
    const got = JSON.stringify(dockerRepository);
    context.addIssue(`expected an image name in dockerRepository, got ${got}`);
    return z.NEVER;
  });

const prefix = z.string().refine((text) => isNamePrefix(text), {
  error: (issue) => `expected HOST or HOST/NAMESPACE, got ${JSON.stringify(issue.input)}`,
});

const remapIdentity = z.strictObject({
  type: z.literal('remapIdentity'),
  prefix,
  signedPrefix: prefix,
});

/** The members of all six types. */
export const SIGNED_IDENTITY_MEMBERS: readonly string[] = [
  'type',
  'dockerReference',
  'dockerRepository',
  'prefix',
  'signedPrefix',
];

/** Reads any of the six types. */
export const signedIdentitySchema: z.ZodType<SignedIdentity> = z.discriminatedUnion(
  'type',
  [unparameterised, exactReference, exactRepository, remapIdentity],
  { error: 'expected one of the six types of containers-policy.json' },
);
