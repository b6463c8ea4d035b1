/**
 * A signer, a bare remote, and signatures that are good whatever the clock says: what a server
 * must serve throughout. Good files and hostile trees are put beside them and taken away again.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SignedFile } from './signer/publisher.ts';
import { runOrThrow } from './process/run.ts';
import { type SendPushOptions, sendPush } from './program/send-push.ts';
import { formatLocation } from './signer/signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from './signer/signer.ts';
import { makeTemporary, removeTemporary } from './temporary.ts';
import { GIT_ENVIRONMENT, ObjectPack, type TreeEntry } from './remote/object-pack.ts';

export interface GoodWorldOptions {
  /** Signatures that stay good; 24 unless told. */
  readonly steady?: number;
  /** Signatures by a key that has not expired yet, but will: good as long as the clock is right. */
  readonly timed?: number;
}

export interface PublishOptions {
  /** The commit's message. */
  readonly message?: string | Uint8Array;
  /** Whether the branch's past is thrown away. */
  readonly force?: boolean;
}

/** Long before and after any clock that tests set. */
const MADE_AT = new Date('2015-01-01T00:00:00Z');
const REPOSITORIES = ['team/app', 'team/db', 'web', 'a/b/c/deep'];
const DAY = 24 * 60 * 60 * 1000;

export class GoodWorld {
  readonly signer: Signer;
  /** What is signed with it is good at any time. */
  readonly key: SigningKey;
  /** Made a month ago, for two years. */
  readonly timedKey: SigningKey;
  /** All public keys that a server is to accept, in one armored file. */
  readonly keyFile: string;
  readonly secret: string;
  readonly secretFile: string;
  /** The bare repository. */
  readonly bare: string;
  /** Never removed, at least not by this class. */
  steady: readonly SignedFile[] = [];
  timed: readonly SignedFile[] = [];
  readonly #files = new Map<string, Uint8Array>();
  readonly #grafts = new Map<string, TreeEntry>();
  #head: string | undefined;

  private constructor(parts: Pick<GoodWorld, 'signer' | 'key' | 'timedKey' | 'bare'>) {
    this.signer = parts.signer;
    this.key = parts.key;
    this.timedKey = parts.timedKey;
    this.bare = parts.bare;
    this.keyFile = join(parts.signer.home, 'keys.asc');
    this.secret = randomBytes(16).toString('hex');
    this.secretFile = join(parts.signer.home, 'secret');
  }

  /** Makes the world, with its first commit. */
  static async make({ steady = 24, timed = 0 }: GoodWorldOptions = {}): Promise<GoodWorld> {
    const signer = await makeSigner();
    const algorithm = 'ed25519';
    const key = await signer.makeKey({ algorithm, at: MADE_AT });
    const lastMonth = new Date(Date.now() - 30 * DAY);
    const timedKey = await signer.makeKey({ algorithm, at: lastMonth, expires: '2y' });
    const bare = join(await makeTemporary(), 'signatures.git');
    const init = ['init', '--quiet', '--bare', '--initial-branch=main', bare];
    await runOrThrow('git', init, { env: GIT_ENVIRONMENT });
    const world = new GoodWorld({ signer, key, timedKey, bare });
    await signer.exportKeys(world.keyFile, key, timedKey);
    await writeFile(world.secretFile, `${world.secret}\n`);
    world.steady = await world.#signAll(steady, key, MADE_AT);
    world.timed = await world.#signAll(timed, timedKey, new Date(Date.now() - DAY));
    world.add(...world.steady, ...world.timed);
    await world.publish();
    return world;
  }

  /** The newest commit. */
  get head(): string {
    if (this.#head === undefined) throw new Error('nothing is published yet');
    return this.#head;
  }

  /** What is good and published with the next commit. */
  get files(): readonly SignedFile[] {
    return [...this.#files].map(([location, bytes]) => ({ location, bytes: Buffer.from(bytes) }));
  }

  /** The names of the hostile trees that are published with the next commit. */
  get grafts(): readonly string[] {
    return [...this.#grafts.keys()];
  }

  /** Signs an image that exists nowhere; good at any time. */
  async sign(repository = 'team/app'): Promise<SignedFile> {
    const digest = `sha256:${randomBytes(32).toString('hex')}`;
    return this.#sign(repository, digest, this.key, MADE_AT);
  }

  add(...files: readonly SignedFile[]): void {
    for (const { location, bytes } of files) this.#files.set(location, bytes);
  }

  remove(location: string): void {
    this.#files.delete(location);
  }

  /** Puts a tree, made by `make`, at the top of the repository under a name. */
  async graft(
    name: string,
    make: (pack: ObjectPack) => TreeEntry | Promise<TreeEntry>,
  ): Promise<void> {
    const pack = new ObjectPack();
    const entry = await make(pack);
    await pack.writeTo(this.bare);
    this.#grafts.set(name, entry);
  }

  /** Takes such trees away again; all of them unless told. */
  prune(names: readonly string[] = this.grafts): void {
    for (const name of names) this.#grafts.delete(name);
  }

  /** Commits what there is and moves the branch; returns the commit. */
  async publish({ message = 'Change signatures', force = false }: PublishOptions = {}) {
    const pack = new ObjectPack();
    const files = [...this.#files].map(([path, bytes]): [string, TreeEntry] => [
      path,
      pack.blob(bytes),
    ]);
    const tree = toTree(pack, [...files, ...this.#grafts]);
    const parents = force || this.#head === undefined ? [] : [this.#head];
    const commit = pack.commit(tree, { message, parents });
    await pack.writeTo(this.bare);
    await this.moveBranch(commit);
    return commit;
  }

  /** Moves the branch to any commit that is in the repository. */
  async moveBranch(commit: string): Promise<void> {
    const args = ['--git-dir', this.bare, 'update-ref', 'refs/heads/main', commit];
    await runOrThrow('git', args, { env: GIT_ENVIRONMENT });
    this.#head = commit;
  }

  /** Sends the webhook for the newest commit, or another one. */
  async announce(
    server: { readonly baseUrl: string },
    options: Partial<SendPushOptions> = {},
  ): ReturnType<typeof sendPush> {
    const { baseUrl } = server;
    return sendPush({ baseUrl, secret: this.secret, after: this.head, ...options });
  }

  async destroy(): Promise<void> {
    await this.signer.stop();
    await removeTemporary(join(this.bare, '..'));
  }

  async #signAll(count: number, key: SigningKey, at: Date): Promise<readonly SignedFile[]> {
    const files: SignedFile[] = [];
    for (let index = 0; index < count; index++) {
      const repository = REPOSITORIES[index % REPOSITORIES.length] ?? '';
      const digest = `sha256:${randomBytes(32).toString('hex')}`;
      files.push(await this.#sign(repository, digest, key, at));
    }
    return files;
  }

  async #sign(repository: string, digest: string, key: SigningKey, at: Date): Promise<SignedFile> {
    const dockerReference = `registry.example/${repository}:v1`;
    const bytes = await this.signer.sign(key, { dockerReference, manifestDigest: digest }, { at });
    return { location: formatLocation(repository, digest, 1), bytes };
  }
}

/** Trees for entries by their paths. */
function toTree(
  pack: ObjectPack,
  entries: readonly (readonly [path: string, entry: TreeEntry])[],
): TreeEntry {
  const here = new Map<string, TreeEntry>();
  const below = new Map<string, [string, TreeEntry][]>();
  for (const [path, entry] of entries) {
    const slash = path.indexOf('/');
    if (slash < 0) {
      here.set(path, entry);
      continue;
    }
    const name = path.slice(0, slash);
    const others = below.get(name) ?? [];
    others.push([path.slice(slash + 1), entry]);
    below.set(name, others);
  }
  for (const [name, inner] of below) here.set(name, toTree(pack, inner));
  return pack.tree(here);
}
