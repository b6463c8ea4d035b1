// The signature repository that is pushed to: its newest state read as far as it is looked at, and
// commits put on top of it. There is no work tree, and of a repository of a million signatures some
// directories come here, not the million.
import { mkdtemp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { explainRepository } from './explain-repository.ts';
import { type NewFile, makeCommit } from './make-commit.ts';
import { type PushOutcome, pushCommit } from './push-commit.ts';
import { type BranchTip, RemoteObjects, type Supply } from './remote-objects.ts';
import { listRefs, lookUpBranch } from './remote-refs.ts';
import { type RepositoryAddress, parseRepository } from './repository-address.ts';
import { CHECKOUT_CURE, RepositoryError } from './repository-error.ts';
import type { StateCounter } from '../../generator/sources/state-counter.ts';
import { TipTree } from '../../generator/sources/git/objects/tip-tree.ts';
import { UserGit, type UserGitOptions } from './user-git.ts';

export interface SignatureRepositoryOptions extends UserGitOptions {
  /** REPO: a git URL, or the path of a repository. */
  readonly repository: string;
  /** Default: the remote's default branch. */
  readonly branch: string | undefined;
  /** An existing directory for what is brought; whoever made it removes it. */
  readonly directory: string;
}

/** What it cost to read the repository. */
export interface ReadingCost {
  readonly supply: Supply;
  /** What came over the network. */
  readonly bytes: number;
  /** How long the newest commit took to come, with all that came with it. */
  readonly milliseconds: number;
}

export class SignatureRepository {
  readonly #git: UserGit;
  readonly #address: RepositoryAddress;
  readonly #objects: RemoteObjects;
  readonly #branch: string;
  #tip: BranchTip | undefined;
  #tree: TipTree;

  private constructor(
    git: UserGit,
    address: RepositoryAddress,
    objects: RemoteObjects,
    branch: string,
    tip: BranchTip | undefined,
  ) {
    this.#git = git;
    this.#address = address;
    this.#objects = objects;
    this.#branch = branch;
    this.#tip = tip;
    this.#tree = new TipTree(objects, tip?.tree);
  }

  /**
   * Opens it with its newest state.
   * @throws SourceAddressError for what is no repository's address
   * @throws SourceError where git is missing, or too old
   * @throws RepositoryError where the repository cannot be read, or has other branches only
   */
  static async open(options: SignatureRepositoryOptions): Promise<SignatureRepository> {
    const { repository, branch, directory } = options;
    const address = parseRepository(repository);
    const git = new UserGit(options);
    await git.assertVersion();
    const base = await mkdtemp(join(directory, 'target-'));
    await git.rememberPasswords(join(base, 'passwords'));
    const objects = await RemoteObjects.open(git, base, address);
    try {
      const found = await lookUpBranch(git, objects.directory, address.url, branch);
      const tip = found.tip && (await objects.bringTip(found.name, found.tip));
      return new SignatureRepository(git, address, objects, found.name, tip || undefined);
    } catch (error) {
      await Promise.all([objects.close(), git.close(objects.directory)]);
      throw await explainRepository(error, address.url, objects.detour);
    }
  }

  /** For people. */
  get location(): string {
    return this.#address.url;
  }

  get branch(): string {
    return this.#branch;
  }

  /** The newest commit that was seen; undefined before the first push. */
  get commit(): string | undefined {
    return this.#tip?.commit;
  }

  /** The files and directories of the newest state that was seen. */
  get tree(): TipTree {
    return this.#tree;
  }

  /** The bytes of files of the newest state, by their object names; larger ones than the limit are left out. */
  async readFiles(ids: readonly string[], limit: number): Promise<ReadonlyMap<string, Buffer>> {
    const sizes = await this.#tree.sizes(ids);
    return this.#tree.read(ids.filter((id) => (sizes.get(id) ?? Infinity) <= limit));
  }

  /**
   * Counts all paths below a directory of the newest state ('' for the root). Of a remote that sends objects by
   * their names, all directories come here for that.
   * @throws StateRefusedError as the counter does
   */
  async countPaths(path: string, counter: StateCounter): Promise<void> {
    const found = (await this.#tree.find([path])).get(path);
    if (found?.kind === 'directory') await this.#objects.countPaths(found.id, counter);
  }

  /**
   * Looks for a newer state.
   * @throws RepositoryError
   */
  async refresh(): Promise<void> {
    const { url } = this.#address;
    const found = await lookUpBranch(this.#git, this.#objects.directory, url, this.#branch);
    if (found.tip === this.#tip?.commit) return;
    const tip = found.tip && (await this.#objects.bringTip(this.#branch, found.tip));
    this.#tip = tip || undefined;
    this.#tree = new TipTree(this.#objects, this.#tip?.tree);
  }

  /**
   * Sees that files can be put below directories, which need not be there yet.
   * @throws RepositoryError where a file stands in the way: git would put the directory in its place
   */
  async assertDirectories(paths: readonly string[]): Promise<void> {
    const ways = paths.flatMap((path) => {
      const parts = path.split('/');
      return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    });
    for (const [path, { kind }] of await this.#tree.find(ways)) {
      if (kind === 'directory') continue;
      const message = `${this.location}: ${path}: expected a directory, got a file`;
      throw new RepositoryError(message, {
        hint: 'move the file away: signatures go below that name',
      });
    }
  }

  /**
   * Makes a commit of files on top of the newest state that was seen, and gives its name.
   * @throws RepositoryError also where something stands at a path: nothing is ever overwritten
   */
  async commitFiles(files: readonly NewFile[], message: string): Promise<string> {
    await this.assertDirectories(files.map(({ path }) => dirname(path)));
    // This brings the directories on the way, too, which git reads to put the files into them.
    for (const path of (await this.#tree.find(files.map((file) => file.path))).keys()) {
      throw new RepositoryError(`${this.location}: ${path}: there is a file already`);
    }
    return makeCommit(this.#git, this.#objects.directory, this.#tip, files, message);
  }

  /** Pushes such a commit to the branch, or to another ref, never by force. */
  async push(
    commit: string,
    ref = `refs/heads/${this.#branch}`,
    options: readonly string[] = [],
  ): Promise<PushOutcome> {
    return pushCommit(this.#git, this.#objects.directory, commit, ref, { options });
  }

  /**
   * Tries whether this user can commit, and may push, as far as the remote says it before anything is
   * sent: hooks and protected branches are asked only at the push itself.
   * @throws RepositoryError where nothing can be committed
   */
  async tryPush(ref = `refs/heads/${this.#branch}`): Promise<PushOutcome> {
    const { directory } = this.#objects;
    const commit = await makeCommit(this.#git, directory, this.#tip, [], 'A trial\n');
    const outcome = await pushCommit(this.#git, directory, commit, ref, { isDryRun: true });
    return outcome.kind === 'pushed' ? ((await this.#foreseeRefusal(ref)) ?? outcome) : outcome;
  }

  /** What a remote on this machine says only at the push itself; undefined for nothing. */
  async #foreseeRefusal(ref: string): Promise<PushOutcome | undefined> {
    const { url, path } = this.#address;
    const place = path ?? /^file:\/\/(\/[^%]*)$/i.exec(url)?.[1];
    if (place === undefined || this.#objects.detour !== undefined) return undefined;
    if (!(await this.#git.isKeptByCheckout(place, ref))) return undefined;
    const message = `${url}: ${this.#branch} is checked out there, and git refuses to update a branch that is`;
    return { kind: 'refused', error: new RepositoryError(message, { hint: CHECKOUT_CURE }) };
  }

  /**
   * The refs of the remote now whose names match a pattern, as ls-remote takes it, with what they point to.
   * @throws RepositoryError
   */
  async listRefs(pattern: string): Promise<ReadonlyMap<string, string>> {
    return listRefs(this.#git, this.#objects.directory, this.#address.url, pattern);
  }

  async cost(): Promise<ReadingCost> {
    const { supply, milliseconds } = this.#objects;
    return { supply, bytes: await this.#objects.size(), milliseconds };
  }

  async close(): Promise<void> {
    await Promise.all([this.#objects.close(), this.#git.close(this.#objects.directory)]);
  }
}
