/**
 * A signer, and a signature repository that says who may sign: what `push` works with. Git commits as
 * somebody, and with no settings of who runs the tests.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBlobEntry } from '../../../generator/sources/source.ts';
import type { RunResult } from '../process/run.ts';
import { runLookaside } from '../program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../remote/git-remote.ts';
import { formatLocation, writeSignature } from '../signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../signer/signer.ts';

/** Who commits. */
export const PUSHER = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Pusher',
  GIT_AUTHOR_EMAIL: 'pusher@example.test',
  GIT_COMMITTER_NAME: 'Pusher',
  GIT_COMMITTER_EMAIL: 'pusher@example.test',
} as const;

export interface SignedImage {
  readonly repository: string;
  /** `sha256:HEX`. */
  readonly digest: string;
  readonly bytes: Buffer;
}

export interface ImageOptions {
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly key?: SigningKey;
  /** The program that signs, as it says: what makes other bytes of the same. */
  readonly creator?: string;
}

const HOST = 'registry.example';

export class PushWorld {
  readonly signer: Signer;
  readonly key: SigningKey;
  readonly remote: GitRemote;

  private constructor(signer: Signer, key: SigningKey, remote: GitRemote) {
    this.signer = signer;
    this.key = key;
    this.remote = remote;
  }

  /** Makes it; the repository has its configuration, by default with one scope, and no signature. */
  static async make(config = DEFAULT_CONFIG): Promise<PushWorld> {
    const signer = await makeSigner();
    const key = await signer.makeKey({ algorithm: 'ed25519' });
    const remote = await makeGitRemote();
    const world = new PushWorld(signer, key, remote);
    // As git hosts have it: objects by their names, and not all of them.
    await remote.gitBare('config', 'uploadpack.allowFilter', 'true');
    await remote.publish({
      'lookaside.yaml': config,
      'keys/signer.asc': await world.exportKey(key),
      'README.md': 'Signatures\n',
    });
    return world;
  }

  async exportKey(key: SigningKey): Promise<Buffer> {
    const file = join(this.signer.home, `${key.fingerprint}.asc`);
    return readFile(await this.signer.exportKeys(file, key));
  }

  /** Signs an image of `registry.example` that exists nowhere. */
  async sign({
    repository = 'team/app',
    tag = 'v1',
    digest = randomDigest(),
    key = this.key,
    creator,
  }: ImageOptions = {}): Promise<SignedImage> {
    const dockerReference = `${HOST}/${repository}:${tag}`;
    const claims = {
      dockerReference,
      manifestDigest: digest,
      ...(creator !== undefined && { creator }),
    };
    const bytes = await this.signer.sign(key, claims);
    return { repository, digest, bytes };
  }

  /** Pushes with `lookaside push …`. */
  async push(
    paths: readonly string[],
    args: readonly string[] = [],
    { to = this.remote.fileUrl, env = {} }: { to?: string; env?: Record<string, string> } = {},
  ): Promise<RunResult> {
    return runLookaside(['push', ...paths, '--to', to, ...args], { env: { ...PUSHER, ...env } });
  }

  /** The signatures that a branch has: blobs by their paths. */
  async signatures(branch = 'main'): Promise<ReadonlyMap<string, string>> {
    const listed = await this.remote.gitBare('ls-tree', '-r', branch);
    const entries = listed.split('\n').map((line) => /^\d+ blob (\S+)\t(.+)$/.exec(line));
    return new Map(
      entries.flatMap((entry) => {
        const [, id = '', path = ''] = entry ?? [];
        return path.includes('@sha256=') ? [[path, id] as const] : [];
      }),
    );
  }

  async stop(): Promise<void> {
    await this.signer.stop();
    await this.remote.remove();
  }
}

/** Gives a bare repository a hook, a script for sh. */
export async function installHook(path: string, name: string, script: string): Promise<void> {
  const hook = join(path, 'hooks', name);
  await mkdir(join(path, 'hooks'), { recursive: true });
  await writeFile(hook, `#!/bin/sh\n${script}\n`);
  await chmod(hook, 0o755);
}

/** What git names a file with these bytes by. */
export function blobOf(bytes: Uint8Array): string {
  return toBlobEntry('', bytes).id;
}

/** One scope, with one key. */
export const DEFAULT_CONFIG = `scopes:
  ${HOST}:
    keys: keys/signer.asc
`;

export function randomDigest(): string {
  return `sha256:${randomBytes(32).toString('hex')}`;
}

/** Puts signatures into a staging directory as skopeo does; gives their paths in it. */
export async function stage(
  directory: string,
  images: readonly SignedImage[],
): Promise<readonly string[]> {
  const next = new Map<string, number>();
  const written: string[] = [];
  for (const { repository, digest, bytes } of images) {
    const place = formatLocation(repository, digest, 1);
    const number = (next.get(place) ?? 0) + 1;
    next.set(place, number);
    written.push(await writeSignature(directory, { repository, digest, number }, bytes));
  }
  return written;
}
