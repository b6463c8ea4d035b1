// A source with an organization's images and a release area, each with its own key, and one key that both take.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Signer, type SigningKey, makeSigner } from '../signer/signer.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export const RELEASE = 'quay.io/openshift-release-dev/ocp-release:4.16.1-x86_64';
export const RELEASE_REPOSITORY = 'openshift-release-dev/ocp-release';

export interface ReleaseWorld {
  readonly signer: Signer;
  readonly keys: Readonly<Record<'team' | 'vendor' | 'both', SigningKey>>;
  /** The configuration file: scopes for the team's images, and a release area from `releases`. */
  readonly config: string;
  /** Signs an image or a release. */
  readonly sign: (
    by: keyof ReleaseWorld['keys'],
    dockerReference: string,
    digestHex: string,
  ) => Promise<Buffer>;
  /** Writes a configuration file beside the keys; its name is given. */
  readonly configure: (name: string, content: unknown) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** A digest, as 64 hexadecimal digits, by two of them. */
export const hexOf = (digits: string): string => digits.repeat(32);

export async function makeReleaseWorld(prefix = ''): Promise<ReleaseWorld> {
  const signer = await makeSigner();
  const directory = await makeTemporary();
  const keys = {
    team: await signer.makeKey({ name: 'Team', algorithm: 'rsa2048' }),
    vendor: await signer.makeKey({ name: 'Vendor', algorithm: 'rsa2048' }),
    both: await signer.makeKey({ name: 'Both', algorithm: 'rsa2048' }),
  };
  for (const [name, key] of Object.entries(keys)) {
    await signer.exportKeys(join(directory, `${name}.asc`), key);
  }
  const configure: ReleaseWorld['configure'] = async (name, content) => {
    const file = join(directory, name);
    await writeFile(file, JSON.stringify(content));
    return file;
  };
  const scopes = { 'registry.example': { keys: ['team.asc', 'both.asc'] } };
  const releases = [{ prefix, from: 'releases', keys: ['vendor.asc', 'both.asc'] }];
  return {
    signer,
    keys,
    config: await configure('lookaside.yaml', { scopes, releases }),
    configure,
    sign: async (by, dockerReference, digestHex) =>
      signer.sign(keys[by], { dockerReference, manifestDigest: `sha256:${digestHex}` }),
    stop: async () => {
      await signer.stop();
      await removeTemporary(directory);
    },
  };
}

/** Puts files below a directory, by their paths. */
export async function putFiles(
  directory: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
}
