// Manifests by their digests, as `resolve` wants them to tell lists of platforms from their instances.
import type { FetchManifest } from '../../generator/resolve/learn-wanted.ts';
import { readManifestDirectory } from '../../generator/resolve/manifest-directory.ts';
import type { ManifestMemory } from '../../generator/resolve/manifest-memory.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Settings } from '../base/options.ts';
import type { Environment } from '../base/read-settings.ts';
import { MissingImageError, UsageError } from '../base/usage-error.ts';
import { readManifest } from './read-manifest.ts';

export interface SkopeoAccess {
  readonly authfile: Settings['authfile'];
  readonly environment: Environment;
  /** Stops skopeo. */
  readonly ending: AbortSignal;
}

const INSTEAD = 'give the manifests as files, with `--manifests DIR`';

/** Asks registries through skopeo, which goes by their credentials, mirrors and certificates as nodes do. */
export function fetchThroughSkopeo(options: SkopeoAccess): FetchManifest {
  return async (image) => {
    try {
      return await readManifest(image, { ...options, instead: INSTEAD });
    } catch (error) {
      if (error instanceof MissingImageError) return 'missing';
      throw error;
    }
  };
}

/** Where manifests are not asked for, nobody knows any that is not known already. */
export const fetchNothing: FetchManifest = async () => undefined;

/** A directory to which a manifest is added is not read again at once. Milliseconds. */
const READ_AGAIN = 10_000;

/**
 * Takes the manifests of a directory into a memory, now and, when one is wanted that was not there, again.
 * @throws UsageError where there are none
 */
export async function readFromDirectory(
  path: string,
  memory: ManifestMemory,
): Promise<FetchManifest> {
  const count = await readManifestDirectory(path, memory).catch((cause: unknown) => {
    const hint = 'give ask, never, or a directory with manifests';
    throw new UsageError(`--manifests: ${messageOf(cause)}`, hint, { cause });
  });
  if (count === 0) {
    const hint = `fill it with \`skopeo inspect --raw docker://IMAGE > ${path}/NAME.json\``;
    throw new UsageError(`--manifests: expected manifests in ${path}, got none`, hint);
  }
  let readAt = performance.now();
  return async () => {
    if (performance.now() - readAt < READ_AGAIN) return undefined;
    readAt = performance.now();
    await readManifestDirectory(path, memory);
    return undefined;
  };
}

/** What `--manifests` says: a directory, or whether registries are asked. */
export type ManifestsFrom =
  { readonly kind: 'ask' | 'never' } | { readonly kind: 'directory'; readonly path: string };

export function parseManifestsFrom(
  value: string | undefined,
  byDefault: 'ask' | 'never',
): ManifestsFrom {
  const given = value ?? byDefault;
  return given === 'ask' || given === 'never'
    ? { kind: given }
    : { kind: 'directory', path: given };
}
