import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../process/run.ts';
import type { Signer, SigningKey } from './signer.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface SignWithSkopeoOptions {
  readonly signer: Signer;
  readonly key: SigningKey;
  /** The image in its registry: `HOST:PORT/repository:tag`. */
  readonly image: string;
  /** Where to copy the signed image, and so its identity: the image itself unless told. */
  readonly to?: string;
  /** The identity, when it is to be another than that. */
  readonly identity?: string;
  /** The directory that skopeo writes the signatures below. */
  readonly stagingDirectory: string;
  /** The store where skopeo finds the signatures that the image has already. */
  readonly lookaside?: string;
  /** Signs the list and every instance. */
  readonly all?: boolean;
}

/**
 * Signs an image as people do, with `skopeo copy --sign-by`. Throws with skopeo's words when it
 * fails.
 */
export async function signWithSkopeo(options: SignWithSkopeoOptions): Promise<void> {
  const { signer, key, image, to = image, identity, stagingDirectory, lookaside, all } = options;
  const directory = await makeTemporary();
  const registriesD = join(directory, 'registries.d');
  await mkdir(registriesD);
  const section = {
    'lookaside-staging': `file://${stagingDirectory}`,
    // Without one skopeo would read the machine's own store.
    lookaside: lookaside ?? `file://${join(directory, 'none')}`,
  };
  // JSON is YAML.
  await writeFile(join(registriesD, 'a.yaml'), JSON.stringify({ 'default-docker': section }));
  const global = ['--insecure-policy', '--registries.d', registriesD];
  const flags = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  flags.push('--sign-by', key.signingFingerprint);
  if (identity !== undefined) flags.push('--sign-identity', identity);
  if (all === true) flags.push('--all');
  const args = [...global, 'copy', ...flags, `docker://${image}`, `docker://${to}`];
  await runOrThrow('skopeo', args, { env: { GNUPGHOME: signer.home } });
  await removeTemporary(directory);
}
