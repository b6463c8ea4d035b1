// What a signature is to say: that an image of this name has this manifest.
import type { UntrustedClaims } from '../../generator/terms/untrusted-claims.ts';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';

/** One signature that is wanted. */
export interface Statement {
  /** The image that the user named, in full. */
  readonly image: string;
  /** Which manifest of the image: its list of platforms, or a platform's; null where it has but one. */
  readonly part: string | null;
  /** The name that is signed. */
  readonly identity: string;
  /** 64 lower-case hexadecimal digits. */
  readonly digestHex: string;
}

/** The part of an image that is its list of platforms. */
export const LIST_PART = 'list';

/**
 * The name to sign an image under. Nodes that pull a tag want exactly this tag in the name, and those
 * that pull a digest take any name of the repository that has a tag or digest (containers/image
 * signature/policy_reference_match.go, matchRepoDigestOrExact). So a tag is signed without the digest
 * that it was given with; `as`, another name, takes the tag of the image where it has none, and the
 * digest where the image has no tag either.
 */
export function chooseIdentity(image: DockerReference, as?: DockerReference): string {
  const { host, repository } = as ?? image;
  const tag = as?.tag ?? image.tag;
  const digest = tag === undefined ? image.digest : undefined;
  return formatReference({ host, repository, tag, digest });
}

/** Two that are equal need one signature: platforms of a list may share a manifest. */
export function statementId({ identity, digestHex }: Statement): string {
  return `${identity} ${digestHex}`;
}

/** What a signature of it says. */
export function toClaims(
  { identity, digestHex }: Statement,
  creator: string | null,
  timestamp: number | null,
): UntrustedClaims {
  return { dockerReference: identity, manifestDigest: `sha256:${digestHex}`, creator, timestamp };
}
