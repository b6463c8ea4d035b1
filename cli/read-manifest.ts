// What a registry has under the name of an image, asked through skopeo: it goes by the same
// credentials, mirrors, certificates and proxies as a node.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DockerReference } from '../generator/docker-reference.ts';
import { messageOf } from '../generator/message-of.ts';
import { formatReference } from '../generator/policy/signed-identity.ts';
import { Complaint } from './complaint.ts';
import { explainSkopeo } from './explain-skopeo.ts';
import type { Environment } from './read-settings.ts';

const run = promisify(execFile);

/** The most that nodes read of a manifest (containers/image iolimits, MaxManifestBodySize). */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** A registry that answers at all answers sooner. Milliseconds. */
const TIME_LIMIT = 60_000;

export interface ManifestOptions {
  readonly authfile: string | undefined;
  readonly environment: Environment;
  /** Stops skopeo. */
  readonly ending: AbortSignal;
  /** Milliseconds. */
  readonly timeLimit?: number;
}

/**
 * Fetches the manifest of an image, as the registry has it.
 * @throws Complaint
 */
export async function readManifest(
  image: DockerReference,
  { authfile, environment, ending, timeLimit = TIME_LIMIT }: ManifestOptions,
): Promise<Uint8Array> {
  const credentials = await findCredentials(authfile, environment);
  const flags = [
    ...(credentials === undefined ? [] : ['--authfile', credentials]),
    // As docker does; nobody listens on the way.
    ...(isLoopback(image.host) ? ['--tls-verify=false'] : []),
  ];
  const args = ['inspect', '--raw', ...flags, `docker://${formatReference(image)}`];
  try {
    const { stdout } = await run('skopeo', args, {
      env: { ...environment },
      encoding: 'buffer',
      maxBuffer: MAX_MANIFEST_BYTES,
      timeout: timeLimit,
      killSignal: 'SIGKILL',
      signal: ending,
    });
    return stdout;
  } catch (cause) {
    throw explainSkopeo(image, cause);
  }
}

/** skopeo finds all others by itself; undefined for those. */
async function findCredentials(
  authfile: string | undefined,
  environment: Environment,
): Promise<string | undefined> {
  if (authfile !== undefined) {
    await stat(authfile).catch((cause: unknown) => {
      const hint = 'make one with `skopeo login --authfile FILE REGISTRY`';
      throw new Complaint(`--authfile: ${messageOf(cause)}`, hint, { cause });
    });
    return authfile;
  }
  const { DOCKER_CONFIG: directory, REGISTRY_AUTH_FILE: named } = environment;
  if (!directory || named) return undefined;
  const file = join(directory, 'config.json');
  return stat(file).then(
    () => file,
    () => undefined,
  );
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '');
  return ['localhost', '[::1]'].includes(name) || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}
