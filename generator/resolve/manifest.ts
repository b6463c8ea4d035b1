// What a registry has under the name of an image, as far as nodes choose by it: one manifest, or a
// list with one for each platform (containers/image internal/manifest). Nobody has checked it.
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What else runs on the variants of an architecture, the newest first (internal/pkg/platform). */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  arm: ['v8', 'v7', 'v6', 'v5'],
  arm64: ['v8'],
};

/** Of schema 1: signed by whoever pushed it. */
const signedSchema = z.object({
  schemaVersion: z.literal(1),
  signatures: z.tuple([z.object({ protected: z.string() })]).rest(z.unknown()),
});

const protectedSchema = z.object({
  formatLength: z.int().nonnegative(),
  formatTail: z.string(),
});

/** The manifest of one platform. */
export interface Instance {
  /** `os/architecture[/variant]`, or ANY_OTHER. */
  readonly platform: string;
  /** Of its digest: 64 lower-case hexadecimal digits. */
  readonly digestHex: string;
  /** Whether it is a list again, which nodes refuse. */
  readonly isList: boolean;
}

/** What nodes get whose platform an index does not name, where it has an entry without one. */
const ANY_OTHER = 'any other';

export interface Manifest {
  readonly digestHex: string;
  /** Of a list, those that nodes can choose; undefined for a manifest that is none. */
  readonly instances: readonly Instance[] | undefined;
  /** How many entries of a list no node can choose: attestations and other companions. */
  readonly companions: number;
  /** The digests of its entries that are no instances, as far as they are sha256: hexadecimal digits, each once. */
  readonly others: readonly string[];
}

const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const LISTS: ReadonlySet<string> = new Set([
  DOCKER_LIST,
  'application/vnd.oci.image.index.v1+json',
]);

const manifestSchema = z.looseObject({
  schemaVersion: z.number(),
  mediaType: z.string().optional(),
  manifests: z.array(z.unknown()).optional(),
});

/** Attestations and other companions have no platform, or one that no node has. */
const word = z.string().regex(/^(?!unknown$)[^\s/]+$/);
const SHA256 = /^sha256:([0-9a-f]{64})$/;
const descriptorSchema = z.object({ digest: z.string() });
const instanceSchema = z.object({
  digest: z.string().regex(SHA256),
  mediaType: z.string().optional(),
  platform: z.object({ os: word, architecture: word, variant: z.string().optional() }).nullish(),
});

/** Reads what a registry sent; undefined where it is no manifest. */
export function parseManifest(untrustedBytes: Uint8Array): Manifest | undefined {
  const found = manifestSchema.safeParse(parseJson(untrustedBytes));
  if (!found.success) return undefined;
  const { mediaType, manifests } = found.data;
  const digestHex = createHash('sha256')
    .update(digestedBytes(untrustedBytes, found.data))
    .digest('hex');
  // An index need not name its type.
  const isList = mediaType === undefined ? manifests !== undefined : LISTS.has(mediaType);
  return isList
    ? { digestHex, ...readInstances(manifests ?? [], mediaType) }
    : { digestHex, instances: undefined, companions: 0, others: [] };
}

/** Of entries for one platform nodes choose the first. */
function readInstances(
  entries: readonly unknown[],
  type: string | undefined,
): Required<Pick<Manifest, 'instances' | 'companions' | 'others'>> {
  const instances = new Map<string, Instance>();
  const all = new Set<string>();
  let companions = 0;
  for (const entry of entries) {
    const [, hex] = SHA256.exec(descriptorSchema.safeParse(entry).data?.digest ?? '') ?? [];
    if (hex !== undefined) all.add(hex);
    const found = instanceSchema.safeParse(entry);
    // Entries of docker's lists that name no platform are for none.
    if (!found.success || (!found.data.platform && type === DOCKER_LIST)) {
      companions += 1;
      continue;
    }
    const { digest, mediaType = '', platform: parts } = found.data;
    const platform = parts
      ? [parts.os, parts.architecture, parts.variant].filter(Boolean).join('/')
      : ANY_OTHER;
    if (instances.has(platform)) continue;
    const digestHex = digest.slice('sha256:'.length);
    instances.set(platform, { platform, digestHex, isList: LISTS.has(mediaType) });
  }
  for (const { digestHex } of instances.values()) all.delete(digestHex);
  return { instances: [...instances.values()], companions, others: [...all] };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

/**
 * What the digest of a manifest is taken of; `parsed` is what the bytes say. It leaves out the
 * signatures of schema 1 (docker/libtrust, ParsePrettySignature).
 */
function digestedBytes(bytes: Uint8Array, parsed: unknown): Uint8Array {
  const signed = signedSchema.safeParse(parsed);
  if (!signed.success) return bytes;
  const [{ protected: encoded }] = signed.data.signatures;
  try {
    const text = Buffer.from(encoded, 'base64url').toString();
    const { formatLength, formatTail } = protectedSchema.parse(JSON.parse(text));
    return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
  } catch {
    return bytes;
  }
}

/**
 * What nodes of a platform (`os/architecture[/variant]`) get (containers/image ChooseInstance); without a
 * variant, those of every variant. Empty where they get nothing.
 */
export function chooseInstances(
  instances: readonly Instance[],
  wanted: string,
): readonly Instance[] {
  const [os = '', architecture = '', variant] = wanted.split('/');
  const base = `${os}/${architecture}`;
  if (variant === undefined) {
    const all = instances.filter(({ platform }) => `${platform}/`.startsWith(`${base}/`));
    if (all.length > 0) return all;
  } else {
    const order = VARIANTS[architecture] ?? [];
    const older = order.slice(order.indexOf(variant)).map((one) => `${base}/${one}`);
    const names = order.includes(variant) ? older : [wanted];
    for (const name of [...names, base]) {
      const found = instances.filter(({ platform }) => platform === name);
      if (found.length > 0) return found;
    }
  }
  return instances.filter(({ platform }) => platform === ANY_OTHER);
}
