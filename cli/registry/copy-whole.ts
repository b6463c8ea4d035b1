// Copies an image with all that its list names, whether nodes can choose it or not.
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { type CopyOptions, type CopyRefusal, copyImage } from './copy-image.ts';
import { type PlatformOptions, findDigest } from './read-platforms.ts';

/** An image by its digests, in hexadecimal digits. */
export interface WholeImage {
  /** The repository where it lies. */
  readonly from: DockerReference;
  /** Of its list, or of its one manifest. */
  readonly digestHex: string;
  /** The manifests that nodes ask for, that of the list among them. */
  readonly manifests: readonly string[];
  /** The entries of its list that no node asks for. */
  readonly others: readonly string[];
}

/** How skopeo copies what nodes pull, and the companions that no node pulls. */
export interface CopyPolicies {
  readonly signed: CopyOptions;
  readonly companions: CopyOptions;
}

/**
 * Copies an image by its digests; gives why it may not be copied, undefined where it was.
 * @throws UsageError where a registry or skopeo fails
 */
export async function copyWhole(
  { from: repository, digestHex, manifests, others }: WholeImage,
  to: DockerReference,
  { signed, companions }: CopyPolicies,
): Promise<CopyRefusal | undefined> {
  const from = atDigest(repository, digestHex);
  if (others.length === 0) return copyImage(from, to, signed);
  // skopeo judges each entry of a list, and nobody signs attestations.
  const pieces = [
    ...others.map((hex) => [hex, companions] as const),
    ...manifests.filter((hex) => hex !== digestHex).map((hex) => [hex, signed] as const),
  ];
  const flags: string[] = [];
  for (const [hex, options] of pieces) {
    const places = [atDigest(repository, hex), atDigest(to, hex)] as const;
    const refusal = await copyImage(...places, options, { parts: 'all', flags });
    if (refusal) return refusal;
  }
  return copyImage(from, to, signed, { parts: 'index-only', flags });
}

/** What is not where it should be. */
export interface ArrivalFault {
  readonly arrived: DockerReference;
  readonly wanted: string;
  /** '' for what is no manifest; undefined for nothing. */
  readonly found: string | undefined;
}

/**
 * Asks a registry whether all of these names have the digests that they should have, in hexadecimal digits; gives
 * the first that has not.
 * @throws UsageError
 */
export async function findArrivalFault(
  arrivals: readonly (readonly [DockerReference, string])[],
  registry: PlatformOptions,
): Promise<ArrivalFault | undefined> {
  for (const [arrived, wanted] of arrivals) {
    const found = await findDigest(arrived, registry);
    if (found !== wanted) return { arrived, wanted, found };
  }
  return undefined;
}

/** The image in the same repository that has a digest, in hexadecimal digits. */
export function atDigest(image: DockerReference, digestHex: string): DockerReference {
  return { ...image, tag: undefined, digest: `sha256:${digestHex}` };
}
