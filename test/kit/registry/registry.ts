import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { runOrThrow } from '../process/run.ts';
import { type ScratchImage, writeScratchImage } from './scratch-image.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface PushImageOptions {
  readonly repository: string;
  readonly tag: string;
  /** This machine's alone unless told; several make a list. */
  readonly architectures?: readonly string[];
  /** Whether its list has attestations too. */
  readonly isAttested?: boolean;
}

export interface PushedImage extends ScratchImage {
  /** `HOST:PORT/repository:tag`, as clients pull it. */
  readonly reference: string;
  /** `HOST:PORT/repository`. */
  readonly name: string;
}

/** The one who may use a private registry. */
export const LOGIN = { user: 'user', password: 'secret' } as const;
/** As `htpasswd -nbB user secret` prints it. */
const HTPASSWD = 'user:$2y$05$vdxQH1Mq9mKgoySlhV6PweOxRv6PiKD7xxCOoc2LGD1o5Z2rODU5S\n';

export interface RegistryOptions {
  /** Whether it wants LOGIN; anybody may read and write unless told. */
  readonly isPrivate?: boolean;
}

export interface Registry {
  /** `127.0.0.1:PORT`, speaking plain HTTP. */
  readonly host: string;
  /** Makes a new scratch image and pushes it. Throws when the registry does not take it. */
  readonly pushImage: (options: PushImageOptions) => Promise<PushedImage>;
  /** Gives an image, with all its platforms, another name. */
  readonly copy: (from: string, to: string) => Promise<void>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts a docker-registry that keeps its images in a temporary directory. */
export async function startRegistry({ isPrivate }: RegistryOptions = {}): Promise<Registry> {
  const directory = await makeTemporary();
  const path = join(directory, 'htpasswd');
  if (isPrivate) await writeFile(path, HTPASSWD);
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: {
      filesystem: { rootdirectory: join(directory, 'storage') },
      delete: { enabled: true },
    },
    http: { addr: '127.0.0.1:0' },
    ...(isPrivate && { auth: { htpasswd: { realm: 'registry', path } } }),
  };
  const configFile = join(directory, 'config.yml');
  await writeFile(configFile, JSON.stringify(config));
  const background = await startBackground(toolPath('docker-registry'), ['serve', configFile]);
  const line = await background.waitForLine(/listening on (?<host>127\.0\.0\.1:\d+)/);
  const host = line.groups?.['host'] ?? '';

  return {
    host,
    async pushImage({ repository, tag, architectures, isAttested }) {
      const layout = await makeTemporary();
      const image = await writeScratchImage(layout, architectures, isAttested);
      const name = `${host}/${repository}`;
      const reference = `${name}:${tag}`;
      const copy = ['copy', '--all', '--preserve-digests', '--dest-tls-verify=false'];
      if (isPrivate) copy.push('--dest-creds', `${LOGIN.user}:${LOGIN.password}`);
      const images = [`oci:${layout}`, `docker://${reference}`];
      await runOrThrow('skopeo', ['--insecure-policy', ...copy, ...images]);
      await removeTemporary(layout);
      return { ...image, name, reference };
    },
    async copy(from, to) {
      const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
      const images = [`docker://${from}`, `docker://${to}`];
      await runOrThrow('skopeo', ['--insecure-policy', 'copy', '--all', ...tls, ...images]);
    },
    log: () => background.stderr(),
    async stop() {
      await background.stop();
      await removeTemporary(directory);
    },
  };
}
