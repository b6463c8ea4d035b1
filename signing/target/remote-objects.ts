// Fetches only what is read: the newest commit, then level by level the directories on the way to the
// signatures. Git's own lazy fetch would take every directory below the root.
//
// A repository on this machine lends its objects, and nothing is copied. A remote that leaves nothing
// out, or gives nothing by its name, sends its newest state whole.
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CatFile } from '../../generator/sources/git/objects/cat-file.ts';
import { compareTrees, isTree } from '../../generator/sources/git/objects/tree-items.ts';
import type { StateCounter } from '../../generator/sources/state-counter.ts';
import { countTree } from '../../generator/proposal/file-changes.ts';
import { OBJECT_NAME } from '../../generator/sources/git/transfers/transfer-branch.ts';
import { explainRepository } from './explain-repository.ts';
import { parseHosted } from './forge.ts';
import type { RepositoryAddress } from './repository-address.ts';
import { RepositoryError, toRepositoryError } from './repository-error.ts';
import type { UserGit, UserGitResult } from './user-git.ts';

/** The newest commit of a branch, and its outermost directory, by their object names. */
export interface BranchTip {
  readonly commit: string;
  readonly tree: string;
}

/** How the objects of a remote come here. */
export type Supply = 'borrowed' | 'by name' | 'whole';

type ObjectFormat = 'sha1' | 'sha256';
const NOTHING = Buffer.alloc(0);
/** Of an object's name. */
const SHA256_LENGTH = 64;

/** The remote in our repository. */
export const REMOTE = 'lookaside-target';
const TIP = 'refs/lookaside/tip';
/** Settings of the user that would make git do more than is asked. */
const ALONE: readonly string[] = [
  '-c',
  'protocol.version=2',
  '-c',
  'fetch.writeCommitGraph=false',
  '-c',
  'fetch.unpackLimit=1',
];
/** No negotiation: git would claim to have all that hangs from a commit that is here. */
const BY_NAME: readonly string[] = [...ALONE, '-c', 'fetch.negotiationAlgorithm=noop'];
/** Nothing but the objects that are named; GitHub allows no other depth of trees. */
const NOTHING_BELOW = '--filter=tree:0';
const MODESTLY: readonly string[] = [
  '--progress',
  '--no-tags',
  '--no-recurse-submodules',
  '--no-auto-gc',
  '--no-write-fetch-head',
];

export class RemoteObjects {
  readonly #git: UserGit;
  readonly #base: string;
  readonly #address: RepositoryAddress;
  #directory: string;
  #format: ObjectFormat = 'sha1';
  /** Where it lies on this machine's disk. */
  #path: string | undefined;
  #detour: string | undefined;
  #supply: Supply;
  #reader: CatFile | undefined;
  /** Whether the remote has given something by its name. */
  #isProven = false;
  #milliseconds = 0;
  /** What was brought by its name. */
  readonly #here = new Set<string>();

  private constructor(git: UserGit, base: string, address: RepositoryAddress) {
    this.#git = git;
    this.#base = base;
    this.#address = address;
    this.#directory = join(base, 'scratch.git');
    this.#path = address.path;
    this.#supply = address.path === undefined ? 'by name' : 'borrowed';
  }

  /**
   * Makes a repository below `base`, an empty directory, for what comes.
   * @throws RepositoryError where the user's git would push to another repository than it reads
   */
  static async open(
    git: UserGit,
    base: string,
    address: RepositoryAddress,
  ): Promise<RemoteObjects> {
    const made = new RemoteObjects(git, base, address);
    await made.#init('scratch.git', 'sha1');
    await made.#followSettings();
    return made;
  }

  /** The git directory. */
  get directory(): string {
    return this.#directory;
  }

  get supply(): Supply {
    return this.#supply;
  }

  /** Where the settings of the user lead git instead, by `url.*.insteadOf`; undefined if they do not. */
  get detour(): string | undefined {
    return this.#detour;
  }

  /** How long newest commits took to come, in all. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /**
   * Brings the newest commit of a branch, without what is in it. `known` is the commit that the branch was
   * at a moment ago.
   * @throws RepositoryError
   */
  async bringTip(branch: string, known: string): Promise<BranchTip> {
    const format = known.length === SHA256_LENGTH ? 'sha256' : 'sha1';
    if (format !== this.#format) await this.#init('sha256.git', format);
    if (this.#path !== undefined) {
      await this.#borrow(this.#path);
      return this.#describe(known);
    }
    const start = performance.now();
    const ref = `+refs/heads/${branch}:${TIP}`;
    if (this.#supply === 'whole') await this.#fetch(ALONE, ['--depth=1', REMOTE, ref]);
    else if (this.#isProven) await this.#fetch(BY_NAME, ['--depth=1', NOTHING_BELOW, REMOTE, ref]);
    else await this.#bringFirst(ref, format);
    this.#milliseconds += performance.now() - start;
    return this.#describe(await this.#readTip());
  }

  /** Brings trees and blobs by their names, each without what is below it. */
  async bring(ids: Iterable<string>): Promise<void> {
    if (this.#supply !== 'by name') return;
    const missing = [...new Set(ids)].filter((id) => !this.#here.has(id));
    if (missing.length === 0) return;
    const args = [NOTHING_BELOW, '--stdin', REMOTE];
    const input = Buffer.from(missing.map((id) => `${id}\n`).join(''));
    const { exitCode, stderr } = await this.#tryFetch(BY_NAME, args, input);
    if (exitCode !== 0) throw toRepositoryError('fetch', stderr);
    for (const id of missing) this.#here.add(id);
  }

  /** Brings a tree with all trees below it, level by level, and counts their paths. */
  async countPaths(tree: string, counter: StateCounter): Promise<void> {
    if (this.#supply === 'by name') await this.#bringTrees(tree);
    await countTree(this.#git.placeOf(this.#directory), tree, counter);
  }

  /** An object that is here. */
  async read(id: string): Promise<Buffer> {
    this.#reader ??= this.#git.openObjects(this.#directory);
    const { bytes } = await this.#reader.ask(id).catch((error: unknown) => this.#explain(error));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The sizes of objects in bytes, by their names; brings them. */
  async sizes(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (ids.length === 0) return new Map();
    await this.bring(ids);
    const input = Buffer.from(ids.map((id) => `${id}\n`).join(''));
    const args = ['cat-file', '--batch-check=%(objectsize)'] as const;
    const printed = await this.#git.print(this.#directory, [...args], { input });
    const sizes = printed.toString().split('\n');
    return new Map(ids.map((id, index) => [id, Number(sizes[index])]));
  }

  /** What has come over the network and is kept. Bytes. */
  async size(): Promise<number> {
    const packs = join(this.#directory, 'objects/pack');
    const names = await readdir(packs).catch(() => []);
    const sizes = names
      .filter((name) => name.endsWith('.pack'))
      .map(async (name) => (await stat(join(packs, name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    this.#reader = undefined;
  }

  async #bringTrees(root: string): Promise<void> {
    let level = [root];
    while (level.length > 0) {
      await this.bring(level);
      const below = new Set<string>();
      for (const id of level) {
        for (const step of compareTrees(NOTHING, await this.read(id), id.length / 2)) {
          if (step?.now && isTree(step.now)) below.add(step.now.id);
        }
      }
      level = [...below];
    }
  }

  async #explain(error: unknown): Promise<never> {
    throw await explainRepository(error, this.#address.url, this.#detour);
  }

  /** The first time it shows what the remote can do. */
  async #bringFirst(ref: string, format: ObjectFormat): Promise<void> {
    // There are some of ours where the first push to an empty repository was overtaken.
    const before = await this.#countObjects();
    await this.#fetch(BY_NAME, ['--depth=1', NOTHING_BELOW, REMOTE, ref]);
    if ((await this.#countObjects()) > before + 1) {
      this.#supply = 'whole';
      return;
    }
    const { tree } = await this.#describe(await this.#readTip());
    const { exitCode, stderr } = await this.#tryFetch(BY_NAME, [NOTHING_BELOW, REMOTE, tree]);
    if (exitCode === 0) {
      this.#isProven = true;
      this.#here.add(tree);
      return;
    }
    if (!/unadvertised object|not our ref/.test(stderr)) throw toRepositoryError('fetch', stderr);
    // Into another repository: in this one git takes the commit for known.
    await this.#init('whole.git', format);
    this.#supply = 'whole';
    await this.#fetch(ALONE, ['--depth=1', REMOTE, ref]);
  }

  async #readTip(): Promise<string> {
    const tip = (await this.#print(['rev-parse', '--verify', TIP])).trim();
    if (!OBJECT_NAME.test(tip)) throw new RepositoryError(`git rev-parse told no commit: ${tip}`);
    return tip;
  }

  async #describe(commit: string): Promise<BranchTip> {
    return { commit, tree: treeOf(await this.read(commit)) };
  }

  async #countObjects(): Promise<number> {
    const counted = await this.#print(['count-objects', '-v']);
    return [...counted.matchAll(/^(?:count|in-pack): (\d+)$/gm)]
      .map(([, number]) => Number(number))
      .reduce((sum, number) => sum + number, 0);
  }

  async #init(name: string, format: ObjectFormat): Promise<void> {
    await this.close();
    const directory = join(this.#base, name);
    await mkdir(directory, { recursive: true });
    const form = ['--bare', '--quiet', '--template=', `--object-format=${format}`];
    await this.#git.print(directory, ['init', ...form]);
    this.#directory = directory;
    this.#format = format;
    await this.#print(['config', `remote.${REMOTE}.url`, this.#address.url]);
  }

  /** `url.*.insteadOf` and `url.*.pushInsteadOf` lead git elsewhere. */
  async #followSettings(): Promise<void> {
    const from = (await this.#print(['remote', 'get-url', REMOTE])).trimEnd();
    const to = (await this.#print(['remote', 'get-url', '--push', REMOTE])).trimEnd();
    const { url } = this.#address;
    if (!isSameRepository(from, to)) {
      const [read, pushed] = [withoutUser(from), withoutUser(to)];
      throw new RepositoryError(`${url}: git reads from ${read}, but pushes to ${pushed}`, {
        hint: 'name the one that is pushed to with --to, or take url.*.pushInsteadOf out of your git configuration',
      });
    }
    if (from === url) return;
    this.#detour = withoutUser(from);
    this.#path = undefined;
    this.#supply = 'by name';
  }

  async #borrow(path: string): Promise<void> {
    const info = join(this.#directory, 'objects/info');
    await mkdir(info, { recursive: true });
    await writeFile(join(info, 'alternates'), `${await this.#git.findObjects(path)}\n`);
  }

  async #fetch(settings: readonly string[], args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.#tryFetch(settings, args);
    if (exitCode !== 0) throw toRepositoryError('fetch', stderr);
  }

  async #tryFetch(
    settings: readonly string[],
    args: readonly string[],
    input?: Uint8Array,
  ): Promise<UserGitResult> {
    return this.#git.run(this.#directory, ['fetch', ...MODESTLY, ...args], {
      isRemote: true,
      settings,
      ...(input && { input }),
    });
  }

  async #print(args: readonly [string, ...string[]]): Promise<string> {
    return (await this.#git.print(this.#directory, args)).toString();
  }
}

/** Whether two addresses are of one repository, be it over https:// and ssh. */
function isSameRepository(one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [parseHosted(one), parseHosted(other)];
  if (!first || !second) return false;
  return first.host === second.host && first.path === second.path;
}

/** Settings may have a password in an address. */
function withoutUser(url: string): string {
  return url.replace(/:\/\/[^/]*@/, '://');
}

/** The directory of a commit. */
function treeOf(commit: Buffer): string {
  const [, tree] = /^tree ([0-9a-f]+)\n/.exec(commit.toString('latin1', 0, 128)) ?? [];
  if (tree === undefined) throw new RepositoryError('the newest commit cannot be read');
  return tree;
}
