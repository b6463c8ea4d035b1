// A git repository as a source: fetched into a bare clone in the state directory, read
// object by object. A refresh costs what changed between two commits.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Budgets, DEFAULT_BUDGETS } from '../../terms/budgets.ts';
import { messageOf } from '../../terms/errors.ts';
import { lockDirectory } from '../../system/directory-lock.ts';
import { type FollowedBranch, openFollowedBranch } from './branch/followed-branch.ts';
import { newCloneOf, removeClone, replaceClone } from './clone/clone-places.ts';
import { PublishedBranch } from './branch/published-branch.ts';
import { saysNothingOfClone } from './processes/git-error.ts';
import { ensurePlain, isPartial } from './clone/partial-clone.ts';
import { GitLimitError } from './processes/running-git.ts';
import { type TokenFile, gitEnvironment } from './processes/git-environment.ts';
import { GitHelpers } from './transfers/transfers.ts';
import { openGitHistory } from './git-history.ts';
import { GitObjects } from './objects/git-objects.ts';
import { GitKilledError } from './processes/git-child.ts';
import { LeftOutError } from './objects/left-out.ts';
import { type GitRepository, openGitRepository } from './clone/git-repository.ts';
import { createGitSnapshot } from './git-snapshot.ts';
import {
  type Snapshot,
  type Source,
  SourceError,
  type StateOrigin,
  StateRefusedError,
} from '../source.ts';
import { readOrigin } from './objects/state-origin.ts';
import { TreeStates } from './objects/tree-states.ts';

export interface GitSourceOptions {
  /** Anything that git fetches from; holds no password. */
  readonly url: string;
  /** The branch to follow; the remote's default if undefined. */
  readonly branch: string | undefined;
  /** The published subtree: '' or a path without slashes at its ends. */
  readonly path: string;
  /** Where the clone lies between runs. */
  readonly stateDirectory: string;
  readonly tokenFile: string | undefined;
  /** The environment of the program. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What a pusher may cost; DEFAULT_BUDGETS if left out. */
  readonly budgets?: Budgets | undefined;
  /** Once aborted, git is stopped and nothing is read any more. */
  readonly ending?: AbortSignal | undefined;
}

/** Commits of one push that are looked through for the last published one. */
const NEAR = 16;

/** Opens the source; the remote is not contacted before the first refresh. */
export async function createGitSource(options: GitSourceOptions): Promise<Source> {
  const { url, path, ending, budgets = DEFAULT_BUDGETS } = options;
  const token: TokenFile | undefined = options.tokenFile
    ? { url, path: resolve(options.tokenFile) }
    : undefined;
  const environment = gitEnvironment(options.environment, token);
  const name = createHash('sha256').update(url).digest('hex').slice(0, 16);
  const state = resolve(options.stateDirectory, name);
  const unlock = await lockState(state);
  const clone = join(state, 'clone.git');
  const { repository, local } = await openClone(clone, environment, ending).catch(
    async (error: unknown) => {
      await unlock();
      throw error;
    },
  );
  const helpers = new GitHelpers(clone, { environment, budgets, ending });
  const branch = await openFollowedBranch(options.branch, join(state, 'branch'), async () =>
    helpers.defaultBranch(url),
  );
  const published = new PublishedBranch(join(state, 'published-branch'), branch);
  const history = openGitHistory(clone, local, ending);
  const states = new TreeStates(budgets, join(state, 'totals'));
  const opened = { ...options, environment, local, clone, helpers, branch, published, states };
  const source = new GitSource(opened, repository);
  return {
    kind: 'git',
    location: url,
    branch: branch.known,
    refresh: async () => source.refresh(),
    hasCommit: async (commit) => source.hasCommit(commit),
    isAncestor: async (previous, next) => source.isAncestor(previous, next),
    recall: async () => source.recall(),
    keep: async (snapshot) => source.keep(snapshot),
    lastChange: async (commit, below) =>
      history.lastChange(commit, path === '' ? below : `${path}/${below}`),
    watch: () => async () => undefined,
    close: async () => {
      await Promise.all([helpers.close(), history.close(), source.close()]);
      await unlock();
    },
  };
}

interface OpenedOptions extends Pick<GitSourceOptions, 'url' | 'path' | 'budgets' | 'ending'> {
  readonly environment: Record<string, string>;
  /** For what only reads the clone. */
  readonly local: Record<string, string>;
  readonly clone: string;
  readonly helpers: GitHelpers;
  readonly branch: FollowedBranch;
  readonly published: PublishedBranch;
  readonly states: TreeStates;
}

/** A state that was refused while it came. */
interface Refusal {
  readonly error: StateRefusedError;
  /** Its commit, where that is known for sure. */
  readonly commit: string | undefined;
}

class GitSource {
  readonly #options: OpenedOptions;
  #repository: GitRepository;
  #objects: GitObjects | undefined;
  readonly #trees = new WeakMap<Snapshot, string>();
  /** The newest commit; undefined before git has found the clone whole. */
  #fetched: string | undefined;
  /** The newest commit when a state was kept last: of those after it git knows nothing. */
  #kept: string | undefined;
  #refusal: Refusal | undefined;
  /** Set when git could not read what the clone should hold. */
  #isDamaged = false;

  constructor(options: OpenedOptions, repository: GitRepository) {
    this.#options = options;
    this.#repository = repository;
  }

  async refresh(): Promise<Snapshot> {
    const branch = await this.#options.branch.find();
    this.#fetched = await this.#bring(branch);
    return this.#openSnapshot(this.#fetched);
  }

  async hasCommit(commit: string): Promise<boolean> {
    const newest = this.#fetched;
    if (newest === undefined) return false;
    return commit === newest || this.#repository.hasCommit(commit, newest);
  }

  async isAncestor(previous: string, next: string): Promise<boolean> {
    if (await isNear(this.#objects, previous, next)) return true;
    return this.#repository.isAncestor(previous, next);
  }

  async recall(): Promise<Snapshot | undefined> {
    const commit = await this.#repository.published();
    if (commit === undefined) return undefined;
    await this.#options.published.assertFollowed();
    const snapshot = await this.#openSnapshot(commit);
    this.#options.states.serve(this.#trees.get(snapshot));
    return snapshot;
  }

  async keep(snapshot: Snapshot): Promise<void> {
    const { helpers, published, states } = this.#options;
    const { commit } = snapshot;
    states.serve(this.#trees.get(snapshot));
    this.#objects?.giveWay();
    const fetched = this.#fetched ?? commit;
    if (commit !== undefined && fetched !== undefined) {
      await published.note(async () => this.#repository.forgetPublished());
      await helpers.note(fetched, commit);
      this.#kept = this.#fetched;
    }
    await helpers.tidy();
  }

  async close(): Promise<void> {
    await this.#closeObjects();
  }

  /** The newest commit. What was refused is not brought again before there is something else. */
  async #bring(branch: string): Promise<string> {
    const { url, helpers } = this.#options;
    const refusal = this.#refusal;
    // Known before it comes, and not asked for afterwards: it might be another by then.
    const tip = refusal && (await helpers.tip(url, branch).catch(() => undefined));
    if (refusal?.commit !== undefined && refusal.commit === tip) throw refusal.error;
    try {
      const commit = await this.#fetch(branch);
      this.#refusal = undefined;
      return commit;
    } catch (error) {
      if (!(error instanceof StateRefusedError)) throw error;
      const commit = error.origin.commit ?? tip;
      const told = new StateRefusedError(error.message, { ...error.origin, commit }, error.hint);
      this.#refusal = { error: told, commit };
      throw told;
    }
  }

  async #fetch(following: string): Promise<string> {
    const { url, helpers, branch } = this.#options;
    if (this.#isDamaged) return this.#replaceClone(following);
    if (this.#fetched !== undefined) {
      const commit = await this.#transfer(following, this.#fetched);
      if (commit !== undefined) return commit;
    }
    try {
      return await helpers.fetch(url, following);
    } catch (error) {
      if (saysNothingOfClone(error)) throw error;
      const tip = await helpers.tip(url, following).catch(() => undefined);
      if (tip !== undefined) return this.#fetchOrReplace(following);
      if (branch.findAgain && (await helpers.isReachable(url))) {
        return helpers.fetch(url, await branch.findAgain());
      }
      throw error;
    }
  }

  /** The quick way. Undefined where it does not work. */
  async #transfer(following: string, fetched: string): Promise<string | undefined> {
    const { url, helpers, ending } = this.#options;
    // Git would bring again what it knows nothing of.
    if (fetched !== this.#kept && (await helpers.tip(url, following).catch(() => '')) === fetched) {
      return fetched;
    }
    try {
      return await helpers.transfer(url, following);
    } catch (error) {
      if (error instanceof GitKilledError && !ending?.aborted) return undefined;
      // A list of all refs, which git fetch does not need.
      if (error instanceof GitLimitError && error.limit === 'stdout') return undefined;
      throw error;
    }
  }

  /** For a remote that answers: once more, as a break on the way costs less than a new clone. */
  async #fetchOrReplace(following: string): Promise<string> {
    const { url, clone, environment, helpers, ending } = this.#options;
    await Promise.all([helpers.rest(), this.#closeObjects()]);
    this.#repository = await openGitRepository(clone, environment, ending);
    try {
      return await helpers.fetch(url, following);
    } catch (error) {
      if (saysNothingOfClone(error)) throw error;
      return this.#replaceClone(following);
    }
  }

  /** A damaged clone must not outlive a remote that can heal it, and goes when the new one is whole. */
  async #replaceClone(following: string): Promise<string> {
    const { clone, environment, helpers, ending } = this.#options;
    const fresh = newCloneOf(clone);
    await removeClone(fresh);
    try {
      const commit = await this.#makeClone(fresh, following);
      await Promise.all([helpers.rest(), this.#closeObjects()]);
      await replaceClone(clone);
      this.#repository = await openGitRepository(clone, environment, ending);
      this.#isDamaged = false;
      return commit;
    } finally {
      // Half a clone must not go on filling the disk.
      await removeClone(fresh);
    }
  }

  async #makeClone(directory: string, following: string): Promise<string> {
    const { url, clone, environment, budgets, ending } = this.#options;
    const published = await this.#repository.published();
    const repository = await openGitRepository(directory, environment, ending);
    const helpers = new GitHelpers(directory, { environment, budgets, ending });
    try {
      const commit = await helpers.fetch(url, following);
      if (published !== undefined && (await repository.hasCommit(published, commit))) {
        await repository.setPublished(published);
      } else if (published !== undefined) {
        // The history was rewritten: only the old clone has it, if it is whole there.
        await helpers.adoptPublished(clone).catch(() => undefined);
      }
      return commit;
    } finally {
      await helpers.close();
    }
  }

  async #openObjects(): Promise<GitObjects> {
    const { clone, local, ending } = this.#options;
    if (!(await isPartial(clone))) return new GitObjects(clone, local, ending);
    return new GitObjects(await ensurePlain(clone), local, ending, {
      byName: async (ids) => this.#bringMissing(ids),
      all: async () => this.#bringMissing('all'),
    });
  }

  /** For the newest state, which cannot be judged without. */
  async #bringMissing(wanted: readonly string[] | 'all'): Promise<void> {
    const { url, helpers, branch } = this.#options;
    const commit = this.#fetched ?? (await this.#repository.published());
    if (commit === undefined) return;
    try {
      if (wanted === 'all') await helpers.bringAll(url, await branch.find());
      else await helpers.bringBlobs(url, commit, wanted);
    } catch (error) {
      if (error instanceof GitKilledError) throw error;
      if (!(error instanceof StateRefusedError))
        throw new LeftOutError(messageOf(error), { cause: error });
      const told = new StateRefusedError(error.message, { ...error.origin, commit }, error.hint);
      this.#refusal = { error: told, commit };
      throw told;
    }
  }

  async #closeObjects(): Promise<void> {
    const old = this.#objects;
    this.#objects = undefined;
    await old?.close();
  }

  readonly #onDamage = (): void => {
    this.#isDamaged = true;
  };

  async #openSnapshot(commit: string): Promise<Snapshot> {
    const { clone, path, local, ending, states } = this.#options;
    if (this.#objects?.hasEnded()) await this.#closeObjects();
    const objects = (this.#objects ??= await this.#openObjects());
    const tree = await this.#findTree(objects, commit).catch((error: unknown) => {
      this.#onDamage();
      throw error;
    });
    if (tree === undefined) {
      throw new SourceError(`commit ${commit} has no directory ${JSON.stringify(path)}`, {
        hint: 'the subtree to publish is named with --path',
      });
    }
    const snapshot = createGitSnapshot({
      commit,
      tree,
      treeOf: (other) => this.#trees.get(other),
      objects,
      ending,
      onDamage: this.#onDamage,
      origin: async (): Promise<StateOrigin> => readOrigin(clone, local, commit),
      states,
    });
    this.#trees.set(snapshot, tree);
    return snapshot;
  }

  async #findTree(objects: GitObjects, commit: string): Promise<string | undefined> {
    const { path } = this.#options;
    const wanted = path === '' ? `${commit}^{tree}` : `${commit}:${path}`;
    const found = await objects.sizes.ask(wanted).catch(() => undefined);
    // What git does not find may be damaged.
    return found?.type === 'tree' ? found.id : this.#repository.treeAt(commit, path);
  }
}

/** Settings of the user that git cannot read keep it from a remote, not from what was published. */
async function openClone(
  clone: string,
  environment: Record<string, string>,
  ending: AbortSignal | undefined,
): Promise<{ readonly repository: GitRepository; readonly local: Record<string, string> }> {
  try {
    return { repository: await openGitRepository(clone, environment, ending), local: environment };
  } catch (error) {
    const local = { ...environment, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
    const repository = await openGitRepository(clone, local, ending).catch(() => undefined);
    if ((await repository?.published()) === undefined || !repository) throw error;
    return { repository, local };
  }
}

/** Whether a commit is among the last before another, on the first line of parents. */
async function isNear(
  objects: GitObjects | undefined,
  previous: string,
  next: string,
): Promise<boolean> {
  if (objects === undefined) return false;
  for (let back = 1; back <= NEAR; back++) {
    const found = await objects.sizes.ask(`${next}~${back}`).catch(() => undefined);
    if (found === undefined) return false;
    if (found.id === previous) return true;
  }
  return false;
}

async function lockState(directory: string): Promise<() => Promise<void>> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    const hint = 'choose a state directory that can be written';
    const reason = messageOf(cause);
    throw new SourceError(`cannot make the state directory ${directory}: ${reason}`, {
      cause,
      hint,
    });
  }
  return lockDirectory(directory);
}
