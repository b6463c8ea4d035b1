import { createHash } from 'node:crypto';

const config = Buffer.from(
  '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
);

/** An OCI image without layers; always the same, so that a signature file stays good for it. */
export const IMAGE = {
  config,
  configDigest: `sha256:${toSha256(config)}`,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  manifest: Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: `sha256:${toSha256(config)}`,
        size: config.length,
      },
      layers: [],
    }),
  ),
} as const;

/** The manifest's digest, 64 hexadecimal digits. */
export const HEX = toSha256(IMAGE.manifest);

/** The names under which the image is pulled: `host/repository`. */
export const PLACES = ['registry.test/ns/repo', 'docker.io/library/repo'] as const;
export type Place = (typeof PLACES)[number];

function toSha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
