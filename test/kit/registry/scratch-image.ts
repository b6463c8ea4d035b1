import { createHash, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const OCI = 'application/vnd.oci.image';
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** This machine's architecture, in the words of image manifests. */
export const architecture = GO_ARCHITECTURES[process.arch] ?? process.arch;

/** The platform of what is no image. */
const UNKNOWN = 'unknown';

export interface ScratchImage {
  /** The manifest's digest, or with several architectures the list's: `sha256:HEX`. */
  readonly digest: string;
  /** The manifest's digest by architecture. */
  readonly instances: ReadonlyMap<string, string>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes an OCI layout with one new image, unlike any other, into `directory`: a single manifest,
 * or for two and more architectures a list of them, with an attestation for each as BuildKit makes it if told.
 */
export async function writeScratchImage(
  directory: string,
  architectures: readonly string[] = [architecture],
  isAttested = false,
): Promise<ScratchImage> {
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });

  async function put(mediaType: string, content: unknown): Promise<Descriptor> {
    const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
    const hex = toSha256(bytes);
    await writeFile(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  }

  const emptyTar = Buffer.alloc(1024);
  const layer = await put(`${OCI}.layer.v1.tar+gzip`, gzipSync(emptyTar));
  const manifests: (Descriptor & { platform: { architecture: string; os: string } })[] = [];
  const all = isAttested ? architectures.flatMap((name) => [name, UNKNOWN]) : architectures;
  for (const name of all) {
    const platform = { architecture: name, os: name === UNKNOWN ? UNKNOWN : 'linux' };
    const config = await put(`${OCI}.config.v1+json`, {
      ...platform,
      config: { Labels: { unique: randomUUID() } },
      rootfs: { type: 'layers', diff_ids: [`sha256:${toSha256(emptyTar)}`] },
    });
    const mediaType = `${OCI}.manifest.v1+json`;
    const manifest = { schemaVersion: 2, mediaType, config, layers: [layer] };
    manifests.push({ ...(await put(mediaType, manifest)), platform });
  }
  const mediaType = `${OCI}.index.v1+json`;
  const list = { schemaVersion: 2, mediaType, manifests };
  const [first] = manifests;
  const top = first !== undefined && manifests.length === 1 ? first : await put(mediaType, list);
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(directory, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [top] }),
  );
  return {
    digest: top.digest,
    instances: new Map(manifests.map((one) => [one.platform.architecture, one.digest])),
  };
}

function toSha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
