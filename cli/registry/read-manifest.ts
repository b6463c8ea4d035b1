// What a registry has under the name of an image, asked through skopeo: it goes by the same
// credentials, mirrors, certificates and proxies as a node.
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import type { Environment } from '../base/read-settings.ts';
import {
  SkopeoError,
  runSkopeo,
  explainSkopeo,
  isLoginWanted,
  findPlainHttpHosts,
} from './skopeo.ts';

/** The most that nodes read of a manifest (containers/image iolimits, MaxManifestBodySize). */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** A registry that answers at all answers sooner. Milliseconds. */
const TIME_LIMIT = 60_000;

export interface ManifestOptions {
  readonly authfile: string | undefined;
  /** What the user can do without the registry, as a hint; undefined for nothing. */
  readonly instead: string | undefined;
  readonly environment: Environment;
  /** Stops skopeo. */
  readonly ending: AbortSignal;
  /** Milliseconds, for all tries. */
  readonly timeLimit?: number;
}

/**
 * Fetches the manifest of an image, as the registry has it.
 * @throws UsageError
 */
export async function readManifest(
  image: DockerReference,
  options: ManifestOptions,
): Promise<Uint8Array> {
  return askRegistry(image, formatReference(image), options, {
    command: ['inspect', '--raw'],
    maxBytes: MAX_MANIFEST_BYTES,
  });
}

/** What skopeo is to ask a registry. */
export interface RegistryQuestion {
  readonly command: readonly string[];
  /** The most that the answer may have. */
  readonly maxBytes: number;
  /** What it is to do, in errors; to read the image unless told. */
  readonly work?: string;
}

/**
 * Asks the registry of an image about `name`, an image or a repository.
 * @throws UsageError
 */
export async function askRegistry(
  image: DockerReference,
  name: string,
  options: ManifestOptions,
  { command, maxBytes, work }: RegistryQuestion,
): Promise<Uint8Array> {
  const { authfile, environment, ending, timeLimit = TIME_LIMIT } = options;
  const deadline = performance.now() + timeLimit;
  const flags = authfile === undefined ? [] : ['--authfile', authfile];
  for (;;) {
    try {
      return await runSkopeo([...command, ...flags, `docker://${name}`], {
        environment,
        ending,
        timeLimit: Math.max(deadline - performance.now(), 1),
        maxBytes,
      });
    } catch (error) {
      if (!(error instanceof SkopeoError)) throw error;
      const more = await findFlags(image, error, options);
      // Each is tried once.
      if (more.length === 0 || more.some((flag) => flags.includes(flag))) {
        throw explainSkopeo(image, error, options.instead, work);
      }
      flags.push(...more);
    }
  }
}

/** What may help where skopeo failed. */
async function findFlags(
  image: DockerReference,
  error: SkopeoError,
  options: ManifestOptions,
): Promise<readonly string[]> {
  // As docker does; nobody listens on the way. Where registries.conf leads elsewhere, TLS stays.
  if (findPlainHttpHosts(image, error).length > 0) return ['--tls-verify=false'];
  const file = await findCredentials(image, error, options);
  return file === undefined ? [] : ['--authfile', file];
}

/** The file of docker's credentials, where skopeo was denied access and has no other; undefined for none. */
export async function findCredentials(
  image: DockerReference,
  error: SkopeoError,
  { authfile, environment }: Pick<ManifestOptions, 'authfile' | 'environment'>,
): Promise<string | undefined> {
  const { DOCKER_CONFIG: directory, REGISTRY_AUTH_FILE: named } = environment;
  if (!directory || named || authfile !== undefined || !isLoginWanted(image, error)) {
    return undefined;
  }
  const file = join(directory, 'config.json');
  return access(file, constants.R_OK).then(
    () => file,
    () => undefined,
  );
}
