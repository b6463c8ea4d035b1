// A branch of a git remote as a source: fetched into a bare clone in the state directory, and read from
// there object by object. A refresh costs what changed between two commits.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { lockDirectory } from '../../system/directory-lock.ts';
import { PRIVATE_DIRECTORY, makeDirectories } from '../../system/make-directories.ts';
import { type Budgets, DEFAULT_BUDGETS } from '../../terms/budgets.ts';
import { messageOf } from '../../terms/errors.ts';
import { type Snapshot, type Source, SourceError } from '../source.ts';
import { openFollowedBranch } from './branch/followed-branch.ts';
import { PublishedBranch } from './branch/published-branch.ts';
import { type GitRepository, openGitRepository } from './clone/git-repository.ts';
import { ensurePlain, isPartial } from './clone/partial-clone.ts';
import { FollowedClone, type FollowedCloneOptions } from './followed-clone.ts';
import { GitClone } from './git-clone.ts';
import { GitHistory } from './git-history.ts';
import { GitSnapshot } from './git-snapshot.ts';
import { findLocalFault } from './local-fault.ts';
import { GitObjects } from './objects/git-objects.ts';
import { readOrigin } from './objects/state-origin.ts';
import { TreeStates } from './objects/tree-states.ts';
import { assertBundle, watchBundle } from './transfers/bundle.ts';
import type { GitEnvironment } from './processes/git-child.ts';
import { type GitAccess, gitEnvironment, toRemoteAccess } from './processes/git-environment.ts';
import { assertGitVersion } from './processes/git-version.ts';

export interface GitSourceOptions extends GitAccess {
  /** Anything that git fetches from; holds no password. */
  readonly url: string;
  /** Whether that is the path of a bundle. */
  readonly isBundle?: boolean | undefined;
  /** The branch to follow; the remote's default if undefined. */
  readonly branch: string | undefined;
  /** The published subtree: '' or a path without slashes at its ends. */
  readonly path: string;
  /** Where the clone is kept between runs. */
  readonly stateDirectory: string;
  /** The environment of the program. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What a pusher may cost; DEFAULT_BUDGETS if left out. */
  readonly budgets?: Budgets | undefined;
  /** Once aborted, git is stopped and nothing more is read. */
  readonly ending?: AbortSignal | undefined;
}

/**
 * Opens the source; the remote is not contacted before the first refresh.
 * @throws SourceError where the state directory cannot be used, git cannot run or the clone not be read
 */
export async function createGitSource(options: GitSourceOptions): Promise<Source> {
  const { url, isBundle, ending, budgets = DEFAULT_BUDGETS } = options;
  if (isBundle === true) await assertBundle(url);
  const environment = gitEnvironment(options.environment, toRemoteAccess(url, options));
  await assertGitVersion(environment, ending);
  const name = createHash('sha256').update(url).digest('hex').slice(0, 16);
  const state = resolve(options.stateDirectory, name);
  const unlock = await lockState(state);
  const directory = join(state, 'clone.git');
  const { repository, local } = await openClone(directory, environment, ending).catch(
    async (error: unknown) => {
      await unlock();
      throw error;
    },
  );
  const clone = new GitClone(directory, { url, isBundle, environment, budgets, ending });
  const branch = await openFollowedBranch(options.branch, join(state, 'branch'), async () =>
    clone.remote.defaultBranch(),
  );
  const published = new PublishedBranch(join(state, 'published-branch'), branch);
  const states = new TreeStates(budgets, join(state, 'totals'));
  const common = { ...options, directory, environment, budgets, clone, branch };
  return new GitSource(repository, { ...common, published, local, ending, states, unlock });
}

interface OpenedOptions extends FollowedCloneOptions {
  /** The published subtree. */
  readonly path: string;
  /** The environment of what only reads the clone. */
  readonly local: GitEnvironment;
  readonly states: TreeStates;
  readonly unlock: () => Promise<void>;
}

/** How long a remote may say nothing once there is news of a push. Milliseconds. */
const GRACE = 5000;
/** It doubles with each refresh that was given up, until one succeeds. */
const LONGEST_GRACE = 120_000;

/** Commits of one push among which the last published one is looked for. */
const NEAR = 16;

class GitSource implements Source {
  readonly kind = 'git';
  readonly location: string;
  readonly #options: OpenedOptions;
  readonly #followed: FollowedClone;
  readonly #history: GitHistory;
  readonly #trees = new WeakMap<Snapshot, string>();
  #objects: GitObjects | undefined;
  #grace = GRACE;
  /** Whether the remote is being asked. */
  #isAsking = false;
  #isHurried = false;

  constructor(repository: GitRepository, options: OpenedOptions) {
    const { url, directory, local, ending } = options;
    this.location = url;
    this.#options = options;
    this.#followed = new FollowedClone(repository, options, async () => this.#closeObjects());
    this.#history = new GitHistory(directory, local, ending);
  }

  // Properties, not methods: whoever changes one of them spreads the source.
  readonly branch: Source['branch'] = () => this.#options.branch.known();

  readonly refresh: Source['refresh'] = async () => {
    const { isBundle, url } = this.#options;
    if (isBundle === true) await assertBundle(url);
    this.#isHurried = false;
    this.#isAsking = true;
    try {
      const commit = await this.#followed.refresh().catch(async (error: unknown) => {
        throw isBundle === true ? error : await explainLocal(error, this.location);
      });
      this.#grace = GRACE;
      return await this.#openSnapshot(commit);
    } catch (error) {
      // A remote that is slow, and not dead, is never given up too early for long.
      if (this.#isHurried) this.#grace = Math.min(2 * this.#grace, LONGEST_GRACE);
      throw error;
    } finally {
      this.#isAsking = false;
      this.#followed.hurry(undefined);
    }
  };

  readonly hurry: Source['hurry'] = () => {
    if (!this.#isAsking) return;
    this.#isHurried = true;
    this.#followed.hurry(this.#grace);
  };

  readonly hasCommit: Source['hasCommit'] = async (commit) => this.#followed.hasCommit(commit);

  readonly isAncestor: Source['isAncestor'] = async (previous, next) =>
    (await isNear(this.#objects, previous, next)) || this.#followed.isAncestor(previous, next);

  readonly recall: Source['recall'] = async () => {
    const commit = await this.#followed.recall();
    if (commit === undefined) return undefined;
    const snapshot = await this.#openSnapshot(commit);
    this.#options.states.serve(this.#trees.get(snapshot));
    return snapshot;
  };

  readonly keep: Source['keep'] = async (snapshot) => {
    this.#options.states.serve(this.#trees.get(snapshot));
    this.#objects?.giveWay();
    this.#options.clone.giveWay();
    if (snapshot.commit !== undefined) await this.#followed.keep(snapshot.commit);
  };

  readonly lastChange: Source['lastChange'] = async (commit, below) => {
    const { path } = this.#options;
    return this.#history.lastChange(commit, path === '' ? below : `${path}/${below}`);
  };

  /** A remote does not say by itself that it has changed, but for a bundle. */
  readonly watch: Source['watch'] = (onChange, onError) => {
    const { isBundle, url } = this.#options;
    return isBundle === true ? watchBundle(url, onChange, onError) : async () => undefined;
  };

  readonly close: Source['close'] = async () => {
    const { clone, unlock } = this.#options;
    await Promise.all([clone.close(), this.#history.close(), this.#closeObjects()]);
    await unlock();
  };

  async #openSnapshot(commit: string): Promise<Snapshot> {
    const { directory, path, local, ending, states } = this.#options;
    const objects = await this.#openObjects();
    const onDamage = (): void => this.#followed.noteDamage();
    const tree = await this.#findTree(objects, commit).catch((error: unknown) => {
      onDamage();
      throw error;
    });
    if (tree === undefined) {
      throw new SourceError(`commit ${commit} has no directory ${JSON.stringify(path)}`, {
        hint: 'name the subtree to publish with --path',
      });
    }
    const snapshot = new GitSnapshot({
      commit,
      tree,
      treeOf: (other) => this.#trees.get(other),
      objects,
      ending,
      onDamage,
      origin: async () => readOrigin(directory, local, commit),
      states,
    });
    this.#trees.set(snapshot, tree);
    return snapshot;
  }

  async #findTree(objects: GitObjects, commit: string): Promise<string | undefined> {
    const { path } = this.#options;
    const wanted = path === '' ? `${commit}^{tree}` : `${commit}:${path}`;
    const found = await objects.sizes.ask(wanted).catch(() => undefined);
    // What is not found here may be damaged: another git says which.
    return found?.type === 'tree' ? found.id : this.#followed.treeAt(commit, path);
  }

  async #openObjects(): Promise<GitObjects> {
    if (this.#objects?.hasEnded()) await this.#closeObjects();
    this.#objects ??= await this.#startObjects();
    return this.#objects;
  }

  async #startObjects(): Promise<GitObjects> {
    const { directory, local, ending } = this.#options;
    if (!(await isPartial(directory))) return new GitObjects(directory, local, ending);
    return new GitObjects(await ensurePlain(directory), local, ending, {
      byName: async (ids) => this.#followed.bringMissing(ids),
      all: async () => this.#followed.bringMissing('all'),
    });
  }

  async #closeObjects(): Promise<void> {
    const old = this.#objects;
    this.#objects = undefined;
    await old?.close();
  }
}

/** Of a repository on this machine more can be told than git does. */
async function explainLocal(error: unknown, url: string): Promise<unknown> {
  if (!(error instanceof SourceError)) return error;
  const fault = await findLocalFault(url, error.message);
  return fault ? new SourceError(fault.message, { hint: fault.hint, cause: error }) : error;
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
    await makeDirectories(directory, PRIVATE_DIRECTORY);
  } catch (cause) {
    const hint = 'choose a writable directory with --state-dir';
    const reason = messageOf(cause);
    throw new SourceError(`cannot make the state directory ${directory}: ${reason}`, {
      cause,
      hint,
    });
  }
  return lockDirectory(directory);
}
