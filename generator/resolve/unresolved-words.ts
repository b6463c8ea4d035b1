// Why an image is not resolved, in words.
import { type Scope, describeScope } from '../policy/policy.ts';
import { formatReference, nameOf } from '../policy/signed-identity.ts';
import type { DockerReference } from '../terms/image-name.ts';
import { abbreviate } from '../terms/text.ts';
import type { ListedInstance } from './manifest-memory.ts';
import type { ResolveWarning, TagCandidate, UnresolvedReason } from './resolved-reference.ts';

/** As many as a sentence can name. */
const NAMED = 5;

export function noScope(image: DockerReference): UnresolvedReason {
  return {
    code: 'no-scope',
    message: `no scope covers ${formatReference(image)}`,
    next: 'Add a scope with its keys, or use an image that a scope covers.',
  };
}

export function takesAnything(scope: Scope): UnresolvedReason {
  return {
    code: 'takes-anything',
    message: `${describeScope(scope)} accepts any image, signed or not, so no signature says which digest a tag is`,
    next: 'Give the scope keys, or name the digest yourself.',
  };
}

export function unsupportedDigest(digest: string): UnresolvedReason {
  return {
    code: 'unsupported-digest',
    message: `expected a sha256 digest, got ${digest}`,
    next: 'Name the sha256 digest: nodes look up signatures by no other.',
  };
}

export function repositoryNotSigned(image: DockerReference): UnresolvedReason {
  return {
    code: 'repository-not-signed',
    message: `${nameOf(image)} has no signatures here`,
    next: `Sign the image as ${formatReference(image)}.`,
  };
}

export function tagNotSigned(image: DockerReference): UnresolvedReason {
  return {
    code: 'tag-not-signed',
    message: `${nameOf(image)} has signatures, but none that counts for the tag ${image.tag}`,
    next: `Sign the image as ${formatReference(image)}. If it was signed so before, somebody has signed the same digest for another tag with \`skopeo copy\`, which replaces the first signature: \`lookaside sign\` adds one.`,
  };
}

export function notSigned(image: DockerReference): UnresolvedReason {
  return {
    code: 'not-signed',
    message: `${nameOf(image)} has no signature for ${image.digest}`,
    next: 'Sign this digest, or use one that is signed.',
  };
}

export function otherTags(image: DockerReference, names: readonly string[]): UnresolvedReason {
  return {
    code: 'other-tags',
    message: `${image.digest} was never signed for the tag ${image.tag}, only as ${listSome(names)}`,
    next: `Sign it as ${formatReference({ ...image, digest: undefined })} too, or write the tag that it was signed for.`,
  };
}

export function manifestsNotKnown(
  image: DockerReference,
  count: number,
  hexes: readonly string[],
): UnresolvedReason {
  const names = listSome(hexes.map((hex) => `sha256:${abbreviate(hex)}…`));
  return {
    code: 'manifests-not-known',
    message: `${count} digests are signed as ${formatReference(image)}, and it is not known yet whether ${names} ${hexes.length === 1 ? 'is a list' : 'are lists'} of platforms`,
    next: 'Try again in a few seconds if the registry is asked (`--manifests ask`); otherwise give the manifests as files, with `--manifests DIR`.',
  };
}

export function ambiguous(
  image: DockerReference,
  candidates: readonly TagCandidate[],
): UnresolvedReason {
  const names = listSome(candidates.map(({ digestHex }) => `sha256:${abbreviate(digestHex)}…`));
  return {
    code: 'ambiguous',
    message: `several digests were signed as ${formatReference(image)} in the same second: ${names}`,
    next: 'Sign the one that is meant again, or name its digest.',
  };
}

export function warnOfExact(scope: string): ResolveWarning {
  return {
    code: 'match-exact',
    message: `${scope} has matchExact: nodes that verify signatures themselves drop the tag beside a digest, and refuse the image`,
  };
}

export function warnOfInstances(instances: readonly ListedInstance[]): ResolveWarning {
  const names = listSome(instances.map(({ platform }) => platform));
  return {
    code: 'unsigned-instances',
    message: `the manifests for ${names} are not signed: nodes that verify signatures themselves refuse them`,
  };
}

function listSome(names: readonly string[]): string {
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : '';
  return names.slice(0, NAMED).join(', ') + more;
}
