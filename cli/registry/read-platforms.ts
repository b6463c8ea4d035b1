// Which manifests nodes ask for when they pull an image.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { toLine } from '../../generator/terms/text.ts';
import { MissingImageError, RefusedImageError, UsageError } from '../base/usage-error.ts';
import {
  chooseInstances,
  type Instance,
  type Manifest,
  parseManifest,
} from '../../generator/resolve/manifest.ts';
import { type ManifestOptions, readManifest } from './read-manifest.ts';

/** What nodes ask for: a manifest, or one of a list's for each platform. */
export interface Pulled {
  /** `not-asked`: the digest was taken for that of a manifest, and may be that of a list. */
  readonly registry: 'asked' | 'not-asked';
  /** The digest of the list, in hexadecimal digits; undefined where there is none. */
  readonly list: string | undefined;
  readonly manifests: readonly PulledManifest[];
  /** How many entries of the list no node can choose: attestations and other companions. */
  readonly companions: number;
  /** The digests of entries of the list that no node asks for, as far as they can be copied. */
  readonly others: readonly string[];
}

export interface PulledManifest extends Pick<Instance, 'digestHex'> {
  /** Null where all nodes get the same manifest. */
  readonly platform: string | null;
}

export interface PlatformOptions extends ManifestOptions {
  /** `OS/ARCH[/VARIANT]`; empty for all. */
  readonly wanted: readonly string[];
}

/** Far more than there are architectures; the server answers for a hundred at once. */
const MOST_PLATFORMS = 50;
/** Platforms that an error names. */
const NAMED = 20;
/** Who names a digest can do without the registry, and shall not wait long. Milliseconds. */
const SHORT_TIME = 5000;

/**
 * Finds the manifests of an image.
 * @throws UsageError
 */
export async function readPlatforms(
  image: DockerReference,
  options: PlatformOptions,
): Promise<Pulled> {
  return toPulled(image, await readChecked(image, options), options.wanted);
}

/**
 * The same for questions that can do without the registry: a digest is taken for the manifest's where
 * the registry does not say that it is a list's, unless platforms of a list are wanted.
 * @throws UsageError
 */
export async function readPlatformsIfCan(
  image: DockerReference,
  options: PlatformOptions,
): Promise<Pulled> {
  const { digest } = image;
  if (digest === undefined || options.wanted.length > 0) return readPlatforms(image, options);
  const untrustedBytes = await readManifest(image, { ...options, timeLimit: SHORT_TIME }).catch(
    (error: unknown) => {
      if (error instanceof UsageError) return undefined;
      throw error;
    },
  );
  return untrustedBytes
    ? toPulled(image, parseAsked(image, untrustedBytes), [])
    : toSingle('not-asked', digest.slice('sha256:'.length));
}

/**
 * The digest that the registry has now under the name of an image, in hexadecimal digits.
 * @throws UsageError
 */
export async function readDigest(
  image: DockerReference,
  options: ManifestOptions,
): Promise<string> {
  return (await readChecked(image, options)).digestHex;
}

/**
 * The digest of what the registry sends under the name of an image, whatever was asked for; '' for what is no
 * manifest, and undefined where it has nothing.
 * @throws UsageError
 */
export async function findDigest(
  image: DockerReference,
  options: ManifestOptions,
): Promise<string | undefined> {
  try {
    return parseManifest(await readManifest(image, options))?.digestHex ?? '';
  } catch (error) {
    if (error instanceof MissingImageError) return undefined;
    throw error;
  }
}

async function readChecked(image: DockerReference, options: ManifestOptions): Promise<Manifest> {
  return parseAsked(image, await readManifest(image, options));
}

/** The manifest that was asked for, and no other. */
function parseAsked(image: DockerReference, untrustedBytes: Uint8Array): Manifest {
  const name = formatReference(image);
  const manifest = parseManifest(untrustedBytes);
  if (!manifest) {
    const hint = `look at it with \`skopeo inspect --raw docker://${name}\``;
    throw new UsageError(`expected a manifest for ${name}, got something else`, hint);
  }
  if (image.digest === undefined || image.digest === `sha256:${manifest.digestHex}`) {
    return manifest;
  }
  throw new UsageError(
    `expected the manifest with ${image.digest}, got one with sha256:${manifest.digestHex}`,
    `${image.host} or its mirror sends another manifest, which nodes refuse`,
  );
}

function toPulled(image: DockerReference, manifest: Manifest, wanted: readonly string[]): Pulled {
  const { digestHex, instances, companions, others } = manifest;
  const name = formatReference(image);
  if (!instances) {
    if (wanted.length === 0) return toSingle('asked', digestHex);
    const hint = 'leave out --platform: nodes of every platform get this manifest';
    throw new UsageError(`${name} is one manifest, not a list for several platforms`, hint);
  }
  const manifests = pick(name, instances, wanted);
  return { registry: 'asked', list: digestHex, manifests, companions, others };
}

function toSingle(registry: Pulled['registry'], digestHex: string): Pulled {
  return {
    registry,
    list: undefined,
    manifests: [{ platform: null, digestHex }],
    companions: 0,
    others: [],
  };
}

function pick(
  name: string,
  instances: readonly Instance[],
  wanted: readonly string[],
): readonly Instance[] {
  const missing = wanted.find((one) => chooseInstances(instances, one).length === 0);
  if (missing !== undefined) {
    throw new UsageError(`the list of ${name} lacks ${missing}`, describeOthers(instances));
  }
  const chosen = wanted.flatMap((one) => chooseInstances(instances, one));
  const picked = wanted.length === 0 ? instances : [...new Set(chosen)];
  const nested = picked.find(({ isList }) => isList);
  if (nested) {
    const message = `nodes refuse the list of ${name}: its entry for ${nested.platform} is itself a list`;
    throw new RefusedImageError(
      message,
      'push the image again, or pick other platforms with --platform',
    );
  }
  if (picked.length === 0) {
    const hint = 'push the image again, with a manifest for each platform';
    throw new RefusedImageError(
      `the list of ${name} names no platform that a node could have`,
      hint,
    );
  }
  if (picked.length > MOST_PLATFORMS) {
    const message = `the list of ${name} has ${picked.length} manifests, more than are read`;
    throw new UsageError(message, `pick up to ${MOST_PLATFORMS} with --platform`);
  }
  return picked;
}

function describeOthers(instances: readonly Instance[]): string {
  const names = [...new Set(instances.map(({ platform }) => platform))];
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : '';
  return toLine(`it has ${names.slice(0, NAMED).join(', ') || 'none'}`) + more;
}
