import { createHash } from 'node:crypto';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';

/** An image that is signed; no registry has it. */
export interface Image {
  readonly dockerReference: string;
  /** Real bytes, as skopeo computes their digest itself. */
  readonly manifest: Buffer;
  /** `sha256:HEX` of the manifest. */
  readonly digest: string;
  /** Where its first signature lies. */
  readonly location: string;
  /** Where a client looks next, and finds nothing. */
  readonly nextLocation: string;
}

const HOST = 'quay.io';
const IMAGES_PER_REPOSITORY = 100;
const REPOSITORIES_PER_NAMESPACE = 10;

/**
 * The image of a number, always the same: 100 images a repository, 10 repositories a namespace.
 * With another image's number as `beside` it goes to the repository of that one.
 */
export function imageAt(index: number, beside = index): Image {
  const repositoryIndex = Math.floor(beside / IMAGES_PER_REPOSITORY);
  const namespace = Math.floor(repositoryIndex / REPOSITORIES_PER_NAMESPACE);
  const repository = `team-${namespace}/app-${repositoryIndex % REPOSITORIES_PER_NAMESPACE}`;
  const manifest = Buffer.from(formatManifest(index));
  const digestHex = createHash('sha256').update(manifest).digest('hex');
  const directory = formatDirectory(repository, digestHex);
  return {
    dockerReference: `${HOST}/${repository}:v1.${index % IMAGES_PER_REPOSITORY}`,
    manifest,
    digest: `sha256:${digestHex}`,
    location: formatLocation(directory, 1),
    nextLocation: formatLocation(directory, 2),
  };
}

function formatManifest(index: number): string {
  const config = `{"image":${index}}`;
  const digest = createHash('sha256').update(config).digest('hex');
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: `sha256:${digest}`,
      size: config.length,
    },
    layers: [],
  });
}
