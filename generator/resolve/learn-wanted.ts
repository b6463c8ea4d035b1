// Resolves images for those who can wait: what would decide is learnt first.
import pMap from 'p-map';
import type { DockerReference } from '../terms/image-name.ts';
import { nameOf } from '../policy/signed-identity.ts';
import type { ManifestMemory } from './manifest-memory.ts';
import { type ResolveOptions, resolveReference } from './resolve-reference.ts';
import type { ResolvedReference } from './resolved-reference.ts';

/**
 * The bytes of a manifest that is named by its digest; `missing` where the registry says that it does not have
 * it, undefined where nobody knows. Throws where the registry cannot be asked.
 */
export type FetchManifest = (image: DockerReference) => Promise<Uint8Array | 'missing' | undefined>;

/** Manifests that are asked for at the same time. */
const CONCURRENCY = 4;
/** First manifests, then commits; and a list that is learnt may be no answer yet. */
const MOST_ROUNDS = 4;

export interface LearnOptions {
  readonly manifests: ManifestMemory;
  readonly now: Date;
  readonly fetchManifest: FetchManifest;
  readonly learnCommits: (directories: readonly string[]) => Promise<void>;
}

/** Resolves an image, and learns what that takes. Throws what the questions throw. */
export async function resolveLearning(
  image: DockerReference,
  options: Omit<ResolveOptions, 'manifests'> & LearnOptions,
): Promise<ResolvedReference> {
  const asked = new Set<string>();
  let resolved = resolveReference(image, options);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { wanted } = resolved;
    const news = [...wanted.manifests, ...wanted.commits].filter((one) => !asked.has(one));
    if (news.length === 0) break;
    for (const one of news) asked.add(one);
    await learnManifests(image, wanted.manifests, options);
    if (wanted.commits.length > 0) await options.learnCommits(wanted.commits);
    resolved = resolveReference(image, options);
  }
  return resolved;
}

/** Learns what manifests of an image are, given by their digests. Throws what `fetchManifest` throws. */
export async function learnManifests(
  image: DockerReference,
  hexes: readonly string[],
  { manifests, now, fetchManifest }: Pick<LearnOptions, 'manifests' | 'now' | 'fetchManifest'>,
): Promise<void> {
  await pMap(
    hexes,
    async (digestHex) => {
      const digest = `sha256:${digestHex}`;
      const bytes = await fetchManifest({ ...image, tag: undefined, digest });
      if (bytes === 'missing') manifests.noteMissing(digestHex, nameOf(image), now);
      // Whatever else is sent is true of its own digest, and says nothing of this one.
      else if (bytes) manifests.learn(bytes);
    },
    { concurrency: CONCURRENCY },
  );
}
