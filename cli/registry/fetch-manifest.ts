// Manifests by their digests, as `resolve` wants them to tell lists of platforms from their instances.
import type { FetchManifest } from '../../generator/resolve/learn-wanted.ts';
import type { Settings } from '../base/options.ts';
import type { Environment } from '../base/read-settings.ts';
import { MissingImageError } from '../base/usage-error.ts';
import { readManifest } from './read-manifest.ts';

export interface FetchOptions {
  readonly authfile: Settings['authfile'];
  readonly environment: Environment;
  /** Stops skopeo. */
  readonly ending: AbortSignal;
}

const INSTEAD = 'give the manifests as files, with `--manifests DIR`';

/** Asks registries through skopeo, which goes by their credentials, mirrors and certificates as nodes do. */
export function fetchThroughSkopeo(options: FetchOptions): FetchManifest {
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
