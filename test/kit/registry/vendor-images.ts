// A vendor with a registry and a store of its own, a mirror of it, and images of our own, in one description.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeSignature } from '../signer/signature-tree.ts';
import { type SigningKey, makeSigner } from '../signer/signer.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';
import { startNginx } from '../web/nginx.ts';
import type { StaticServer } from '../web/static-server.ts';
import { type Registry, startRegistry } from './registry.ts';

/** Where the vendor's own systems have its key, below `/`. */
export const VENDOR_KEY = 'etc/pki/vendor/KEY';

/** By what an image of the vendor is signed there, and what of that the mirror has. */
const VENDOR_IMAGES = {
  good: { by: 'vendor', isMirrored: true },
  unmirrored: { by: 'vendor', isMirrored: false },
  foreign: { by: 'own', isMirrored: true },
  unsigned: { by: undefined, isMirrored: false },
} as const;
export type VendorImage = keyof typeof VENDOR_IMAGES;

const OWN_IMAGES = { good: 'own', foreign: 'vendor', unsigned: undefined } as const;
export type OwnImage = keyof typeof OWN_IMAGES;

export interface VendorImages {
  /** The vendor's registry, and ours with the mirror and our own images. */
  readonly vendor: Registry;
  readonly ours: Registry;
  readonly vendorStore: StaticServer;
  readonly vendorKeyFile: string;
  /** Our signature repository: the mirrored signatures, and our own. */
  readonly source: string;
  /** A configuration for all of it. */
  readonly config: string;
  /** The same, without a copy of the vendor's key for its own scope. */
  readonly lightConfig: string;
  /** For nodes that know no `remapIdentity`: with the mirror, by the key alone. */
  readonly oldNodesConfig: string;
  readonly vendorImage: (name: VendorImage) => string;
  readonly mirrored: (name: VendorImage) => string;
  readonly own: (name: OwnImage) => string;
  /** Of the manifest, `sha256:HEX`. */
  readonly digestOf: (image: string) => string;
  /** Lays the vendor's key into a tree, as its systems have it. */
  readonly installVendorKey: (tree: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function makeVendorImages(): Promise<VendorImages> {
  const [vendor, ours, signer, directory] = await Promise.all([
    startRegistry(),
    startRegistry(),
    makeSigner(),
    makeTemporary(),
  ]);
  const keys = {
    vendor: await signer.makeKey({ name: 'Vendor', algorithm: 'rsa2048' }),
    own: await signer.makeKey({ name: 'Own', algorithm: 'rsa2048' }),
  };
  const vendorKeyFile = await signer.exportKeys(join(directory, 'vendor.asc'), keys.vendor);
  const ownKeyFile = await signer.exportKeys(join(directory, 'own.asc'), keys.own);
  const [source, upstream] = [join(directory, 'source'), join(directory, 'upstream')];
  await Promise.all([mkdir(source), mkdir(join(upstream, 'sigs'), { recursive: true })]);
  const digests = new Map<string, string>();

  const sign = async (key: SigningKey, image: string, digest: string): Promise<Uint8Array> =>
    signer.sign(key, { dockerReference: image, manifestDigest: digest });
  for (const [name, { by, isMirrored }] of Object.entries(VENDOR_IMAGES)) {
    const image = `${vendor.host}/product/${name}:v1`;
    const { digest, reference } = await vendor.pushImage({
      repository: `product/${name}`,
      tag: 'v1',
    });
    const copy = `${ours.host}/mirror/product/${name}:v1`;
    await ours.copy(reference, copy);
    digests.set(image, digest).set(copy, digest);
    if (!by) continue;
    const bytes = await sign(keys[by], image, digest);
    const place = { repository: `product/${name}`, digest, number: 1 };
    await writeSignature(join(upstream, 'sigs'), place, bytes);
    const there = { ...place, repository: `mirror/product/${name}` };
    if (isMirrored) await writeSignature(source, there, bytes);
  }
  for (const [name, by] of Object.entries(OWN_IMAGES)) {
    const image = `${ours.host}/team/${name}:v1`;
    const { digest } = await ours.pushImage({ repository: `team/${name}`, tag: 'v1' });
    digests.set(image, digest);
    if (!by) continue;
    const place = { repository: `team/${name}`, digest, number: 1 };
    await writeSignature(source, place, await sign(keys[by], image, digest));
  }

  const vendorStore = await startNginx(upstream);
  const signedIdentity = {
    type: 'remapIdentity',
    prefix: `${ours.host}/mirror`,
    signedPrefix: vendor.host,
  };
  const configure = async (
    file: string,
    vendorKeys: object,
    ofMirror: object = { signedIdentity },
  ): Promise<string> => {
    const path = join(directory, file);
    const scopes = {
      [vendor.host]: {
        store: `${vendorStore.baseUrl}/sigs`,
        keyPath: `/${VENDOR_KEY}`,
        ...vendorKeys,
      },
      [`${ours.host}/mirror`]: { keys: vendorKeyFile, ...ofMirror },
      [`${ours.host}/team`]: { keys: ownKeyFile },
    };
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ scopes }));
    return path;
  };
  return {
    vendor,
    ours,
    vendorStore,
    vendorKeyFile,
    source,
    config: await configure('lookaside.yaml', { keys: vendorKeyFile }),
    lightConfig: await configure('light.yaml', {}),
    oldNodesConfig: await configure('old-nodes.yaml', {}, {}),
    vendorImage: (name) => `${vendor.host}/product/${name}:v1`,
    mirrored: (name) => `${ours.host}/mirror/product/${name}:v1`,
    own: (name) => `${ours.host}/team/${name}:v1`,
    digestOf: (image) => digests.get(image) ?? '',
    async installVendorKey(tree) {
      const path = join(tree, VENDOR_KEY);
      await mkdir(dirname(path), { recursive: true });
      await signer.exportKeys(path, keys.vendor);
    },
    async stop() {
      await Promise.all([vendor.stop(), ours.stop(), vendorStore.stop(), signer.stop()]);
      await removeTemporary(directory);
    },
  };
}
