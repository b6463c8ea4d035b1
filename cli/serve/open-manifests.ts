import { type ManifestFile, ManifestMemory } from '../../generator/resolve/manifest-memory.ts';
import type { ServerOptions } from '../../server/server-options.ts';
import type { Settings } from '../base/options.ts';
import { checkAuthfile } from '../registry/check-authfile.ts';
import {
  type SkopeoAccess,
  fetchThroughSkopeo,
  parseManifestsFrom,
  readFromDirectory,
} from '../registry/fetch-manifest.ts';

interface ManifestPlaces extends Pick<SkopeoAccess, 'environment' | 'ending'> {
  /** What registries have told earlier runs. */
  readonly file: ManifestFile;
}

/**
 * What is known of manifests, and who is asked for more; undefined where nobody is.
 * @throws UsageError
 */
export async function openManifests(
  { manifests, authfile }: Pick<Settings, 'manifests' | 'authfile'>,
  { file, ...places }: ManifestPlaces,
): Promise<ServerOptions['manifests']> {
  const from = parseManifestsFrom(manifests, 'never');
  if (from.kind === 'never') return undefined;
  const memory = new ManifestMemory();
  if (from.kind === 'directory') {
    return { memory, fetchManifest: await readFromDirectory(from.path, memory), file: undefined };
  }
  if (authfile !== undefined) await checkAuthfile(authfile);
  await file.read(memory);
  return { memory, fetchManifest: fetchThroughSkopeo({ authfile, ...places }), file };
}
