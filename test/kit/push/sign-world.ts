/** A registry with images, keys of a user, and a signature repository: what `sign` works with. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../process/run.ts';
import { runLookaside } from '../program/lookaside.ts';
import { type PushedImage, type Registry, startRegistry } from '../registry/registry.ts';
import { type GitRemote, makeGitRemote } from '../remote/git-remote.ts';
import { type KeyOptions, type Signer, type SigningKey, makeSigner } from '../signer/signer.ts';
import { PUSHER } from './push-world.ts';

export interface SignRunOptions {
  /** The repository to push to; that of the world unless told, and none for ''. */
  readonly to?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export class SignWorld<Name extends string> {
  readonly registry: Registry;
  readonly signer: Signer;
  readonly remote: GitRemote;
  readonly keys: Readonly<Record<Name, SigningKey>>;

  private constructor(
    registry: Registry,
    signer: Signer,
    remote: GitRemote,
    keys: Readonly<Record<Name, SigningKey>>,
  ) {
    this.registry = registry;
    this.signer = signer;
    this.remote = remote;
    this.keys = keys;
  }

  /** Makes it with these keys. The repository has no file yet. */
  static async make<Name extends string>(
    wanted: Readonly<Record<Name, KeyOptions>>,
  ): Promise<SignWorld<Name>> {
    const [registry, signer, remote] = await Promise.all([
      startRegistry(),
      makeSigner(),
      makeGitRemote(),
    ]);
    const made = Object.entries<KeyOptions>(wanted).map(async ([name, options]) => [
      name,
      await signer.makeKey({ algorithm: 'ed25519', ...options }),
    ]);
    const keys = Object.fromEntries(await Promise.all(made)) as Record<Name, SigningKey>;
    return new SignWorld(registry, signer, remote, keys);
  }

  /** Pushes a configuration with one scope, the registry unless told, and the keys that it accepts. */
  async accept(
    names: readonly Name[],
    scope: object = {},
    scopeName = this.registry.host,
  ): Promise<void> {
    const files = await Promise.all(
      names.map(async (name) => [`keys/${name}.asc`, await this.exportKey(name)] as const),
    );
    // Empty at first.
    await this.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main').catch(() => undefined);
    // JSON is YAML.
    const config = { scopes: { [scopeName]: { keys: 'keys', ...scope } } };
    await this.remote.publish({
      'lookaside.yaml': JSON.stringify(config),
      ...Object.fromEntries(files),
    });
  }

  async exportKey(name: Name): Promise<Buffer> {
    return readFile(await this.keyFile(name));
  }

  /** A file of a public key. */
  async keyFile(name: Name): Promise<string> {
    const file = join(this.signer.home, `${name}-${Math.random()}.asc`);
    return this.signer.exportKeys(file, this.keys[name]);
  }

  async pushImage(
    repository: string,
    tag: string,
    architectures?: readonly string[],
  ): Promise<PushedImage> {
    return this.registry.pushImage({ repository, tag, ...(architectures && { architectures }) });
  }

  /** Signs with `lookaside sign …`. */
  async sign(by: Name, args: readonly string[], options: SignRunOptions = {}): Promise<RunResult> {
    return this.signBy(this.keys[by].fingerprint, args, options);
  }

  /** The same with a key that is not of the world. */
  async signBy(
    fingerprint: string,
    args: readonly string[],
    { to = this.remote.path, env = {} }: SignRunOptions = {},
  ): Promise<RunResult> {
    const place = to === '' ? [] : ['--to', to];
    const key = ['--sign-by', fingerprint];
    return runLookaside(['sign', ...args, ...key, ...place], { env: { ...this.#env, ...env } });
  }

  /** What `sign` gets without more. */
  get #env(): Readonly<Record<string, string>> {
    return { ...PUSHER, GNUPGHOME: this.signer.home };
  }

  /** The signatures that the repository has: paths. */
  async signatures(): Promise<readonly string[]> {
    const listed = await this.remote.gitBare('ls-tree', '-r', '--name-only', 'main');
    return listed.split('\n').filter((path) => path.includes('@sha256='));
  }

  async stop(): Promise<void> {
    await Promise.all([this.registry.stop(), this.signer.stop(), this.remote.remove()]);
  }
}
