// Keeps a clone up to date with a branch of its remote: by a transfer where the clone is in order, by a
// full fetch where that is not enough, and by a new clone where this one is damaged.
import type { Budgets } from '../../terms/budgets.ts';
import { messageOf } from '../../terms/errors.ts';
import { type SourceError, StateRefusedError } from '../source.ts';
import type { FollowedBranch } from './branch/followed-branch.ts';
import type { PublishedBranch } from './branch/published-branch.ts';
import { newCloneOf, removeClone, replaceClone } from './clone/clone-places.ts';
import { type GitRepository, openGitRepository } from './clone/git-repository.ts';
import { GitClone } from './git-clone.ts';
import { LeftOutError } from './objects/left-out.ts';
import { type GitEnvironment, GitKilledError } from './processes/git-child.ts';
import { saysBranchIsMissing, saysNothingOfClone } from './processes/git-error.ts';
import { GitLimitError } from './processes/running-git.ts';

export interface FollowedCloneOptions {
  readonly url: string;
  /** Whether that is the path of a bundle. */
  readonly isBundle?: boolean | undefined;
  /** Where the clone is. */
  readonly directory: string;
  readonly environment: GitEnvironment;
  readonly budgets: Budgets;
  readonly ending: AbortSignal | undefined;
  readonly branch: FollowedBranch;
  readonly published: PublishedBranch;
  readonly clone: GitClone;
}

/** A state that was refused while it came. */
interface Refusal {
  readonly error: StateRefusedError;
  /** Its commit, where that is known for sure. */
  readonly commit: string | undefined;
}

export class FollowedClone {
  readonly #options: FollowedCloneOptions;
  readonly #stopReading: () => Promise<void>;
  #repository: GitRepository;
  /** The newest commit; undefined before git has found the clone whole. */
  #newest: string | undefined;
  /** The newest commit when a state was last kept: no ref leads to those that came after it. */
  #kept: string | undefined;
  #refusal: Refusal | undefined;
  #isDamaged = false;
  /** A clone that is being made in place of a damaged one. */
  #making: GitClone | undefined;

  /** `stopReading` ends whatever reads the clone; it is called before the clone is opened again. */
  constructor(
    repository: GitRepository,
    options: FollowedCloneOptions,
    stopReading: () => Promise<void>,
  ) {
    this.#repository = repository;
    this.#options = options;
    this.#stopReading = stopReading;
  }

  /**
   * Brings the newest commit of the branch. What was refused is not brought again before there is
   * something else.
   * @throws StateRefusedError where it costs more than its budget, and SourceError
   */
  async refresh(): Promise<string> {
    const branch = await this.#options.branch.find();
    this.#newest = await this.#bring(branch);
    return this.#newest;
  }

  /**
   * The commit that was published last, from before a restart; undefined if none is kept.
   * @throws SourceError where it is of another branch than the one that is followed
   */
  async recall(): Promise<string | undefined> {
    const commit = await this.#repository.published();
    if (commit !== undefined) await this.#options.published.assertFollowed();
    return commit;
  }

  /** Keeps a commit as the one that was published last, and repacks in the background. */
  async keep(commit: string): Promise<void> {
    const { clone, published } = this.#options;
    const newest = this.#newest ?? commit;
    await published.note(async () => this.#repository.forgetPublished());
    await clone.protect(newest, commit);
    this.#kept = this.#newest;
    await clone.maintenance.repackLater();
  }

  /** Whether a commit came with some refresh of this run. */
  async hasCommit(commit: string): Promise<boolean> {
    const newest = this.#newest;
    if (newest === undefined) return false;
    return commit === newest || this.#repository.hasCommit(commit, newest);
  }

  /** Whether one commit is an ancestor of another. */
  async isAncestor(previous: string, next: string): Promise<boolean> {
    return this.#repository.isAncestor(previous, next);
  }

  /** The object name of the directory at a path of a commit; undefined if there is none. */
  async treeAt(commit: string, path: string): Promise<string | undefined> {
    return this.#repository.treeAt(commit, path);
  }

  /** Gives up a remote that says nothing for so long, in milliseconds, until told undefined. */
  hurry(silence: number | undefined): void {
    this.#options.clone.hurry(silence);
    this.#making?.hurry(silence);
  }

  /** Git cannot read what the clone should have: the next refresh replaces it. */
  noteDamage(): void {
    this.#isDamaged = true;
  }

  /**
   * Brings blobs of the newest state that the remote left out, or all that the branch needs.
   * @throws LeftOutError where the remote does not give them, StateRefusedError, GitKilledError
   */
  async bringMissing(wanted: readonly string[] | 'all'): Promise<void> {
    const { clone, branch } = this.#options;
    const commit = this.#newest ?? (await this.#repository.published());
    if (commit === undefined) return;
    try {
      if (wanted === 'all') await clone.transfers.bringAll(await branch.find());
      else await clone.transfers.bringBlobs(commit, wanted);
    } catch (error) {
      if (error instanceof GitKilledError) throw error;
      if (error instanceof StateRefusedError) throw this.#remember(error, commit);
      throw new LeftOutError(messageOf(error), { cause: error });
    }
  }

  async #bring(branch: string): Promise<string> {
    const refusal = this.#refusal;
    // Asked before the transfer: afterwards the remote might have another one.
    const tip = refusal && (await this.#tip(branch));
    if (refusal?.commit !== undefined && refusal.commit === tip) throw refusal.error;
    try {
      const commit = await this.#fetch(branch);
      this.#refusal = undefined;
      return commit;
    } catch (error) {
      if (!(error instanceof StateRefusedError)) throw error;
      throw this.#remember(error, error.origin.commit ?? tip);
    }
  }

  /** Remembers a refusal, and gives it with its commit. */
  #remember(refused: StateRefusedError, commit: string | undefined): StateRefusedError {
    const { message, origin, hint } = refused;
    const error = new StateRefusedError(message, { ...origin, commit }, hint);
    this.#refusal = { error, commit };
    return error;
  }

  async #fetch(following: string): Promise<string> {
    const { clone, branch } = this.#options;
    if (this.#isDamaged) return this.#replace(following);
    if (this.#newest !== undefined) {
      const commit = await this.#transfer(following, this.#newest);
      if (commit !== undefined) return commit;
    }
    try {
      return await clone.transfers.fetch(following);
    } catch (error) {
      if (saysNothingOfClone(error)) throw error;
      if ((await this.#tip(following)) !== undefined) return this.#fetchOrReplace(following);
      if (branch.findAgain && (await clone.remote.isReachable())) {
        return clone.transfers.fetch(await branch.findAgain());
      }
      if (!saysBranchIsMissing(error)) throw error;
      throw (await this.#explainMissing(following)) ?? error;
    }
  }

  /** The quick way. Undefined where it does not work. */
  async #transfer(following: string, newest: string): Promise<string | undefined> {
    const { clone, isBundle, ending } = this.#options;
    // Without a ref that leads to it, git would bring the newest commit again; of a bundle it always does.
    if ((newest !== this.#kept || isBundle === true) && (await this.#tip(following)) === newest)
      return newest;
    try {
      return await clone.transfers.transfer(following);
    } catch (error) {
      if (error instanceof GitKilledError && !ending?.aborted) return undefined;
      // The list of all refs is too long; `git fetch` does not need it.
      if (error instanceof GitLimitError && error.limit === 'stdout') return undefined;
      throw error;
    }
  }

  /** The newest commit of the remote; undefined where it does not tell. */
  async #tip(branch: string): Promise<string | undefined> {
    return this.#options.clone.remote.tip(branch).catch(() => undefined);
  }

  /** Why a remote that answers does not have a branch; undefined where that is not what is wrong. */
  async #explainMissing(branch: string): Promise<SourceError | undefined> {
    return this.#options.clone.remote.explainMissing(branch).catch(() => undefined);
  }

  /** Tries a remote that answers once more: a broken connection costs less than a new clone. */
  async #fetchOrReplace(following: string): Promise<string> {
    const { directory, environment, clone, ending } = this.#options;
    await this.#stop();
    this.#repository = await openGitRepository(directory, environment, ending);
    try {
      return await clone.transfers.fetch(following);
    } catch (error) {
      if (saysNothingOfClone(error)) throw error;
      return this.#replace(following);
    }
  }

  /** A damaged clone must not outlive a remote that can heal it. It goes once the new one is whole. */
  async #replace(following: string): Promise<string> {
    const { directory, environment, ending } = this.#options;
    const fresh = newCloneOf(directory);
    await removeClone(fresh);
    try {
      const commit = await this.#makeClone(fresh, following);
      await this.#stop();
      await replaceClone(directory);
      this.#repository = await openGitRepository(directory, environment, ending);
      this.#isDamaged = false;
      return commit;
    } finally {
      // Half a clone must not go on filling the disk.
      await removeClone(fresh);
    }
  }

  async #makeClone(fresh: string, following: string): Promise<string> {
    const { directory, environment, ending } = this.#options;
    const published = await this.#repository.published();
    const repository = await openGitRepository(fresh, environment, ending);
    const clone = new GitClone(fresh, this.#options);
    this.#making = clone;
    try {
      const commit = await clone.transfers.fetch(following);
      if (published !== undefined && (await repository.hasCommit(published, commit))) {
        await repository.setPublished(published);
      } else if (published !== undefined) {
        // The history was rewritten: only the old clone has it, if it is whole there.
        await clone.transfers.adoptPublished(directory).catch(() => undefined);
      }
      return commit;
    } finally {
      this.#making = undefined;
      await clone.close();
    }
  }

  /** Ends what reads the clone or writes to it in the background. */
  async #stop(): Promise<void> {
    await Promise.all([this.#options.clone.maintenance.stop(), this.#stopReading()]);
  }
}
