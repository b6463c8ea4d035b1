// A git repository as a source: fetched into a bare clone in the state directory, read
// object by object. A refresh costs what changed between two commits.
import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Budgets } from '../budgets.ts';
import { messageOf } from '../message-of.ts';
import { lockDirectory } from '../directory-lock.ts';
import { openFollowedBranch } from './followed-branch.ts';
import { type TokenFile, gitEnvironment } from './git-environment.ts';
import { openGitHelpers } from './git-helpers.ts';
import { openGitHistory } from './git-history.ts';
import { type GitObjects, openGitObjects } from './git-objects.ts';
import { GitKilledError } from './git-child.ts';
import { openGitRepository } from './git-repository.ts';
import { createGitSnapshot } from './git-snapshot.ts';
import { type Snapshot, type Source, SourceError, type StateOrigin } from './source.ts';
import { readOrigin } from './state-origin.ts';

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
  const { url, path, ending } = options;
  const token: TokenFile | undefined = options.tokenFile
    ? { url, path: resolve(options.tokenFile) }
    : undefined;
  const environment = gitEnvironment(options.environment, token);
  const name = createHash('sha256').update(url).digest('hex').slice(0, 16);
  const state = resolve(options.stateDirectory, name);
  const unlock = await lockState(state);
  const clone = join(state, 'clone.git');
  let repository = await openGitRepository(clone, environment, ending);
  const branch = await openFollowedBranch(options.branch, join(state, 'branch'), async () =>
    repository.defaultBranch(url),
  );
  const helpers = openGitHelpers(clone, environment, ending);
  const history = openGitHistory(clone, environment, ending);
  let objects: GitObjects | undefined;
  const trees = new WeakMap<Snapshot, string>();
  /** The newest commit; undefined before git has found the clone whole. */
  let fetched: string | undefined;
  // Set when git could not read what the clone should hold.
  let damaged = false;

  const closeObjects = async (): Promise<void> => {
    const old = objects;
    objects = undefined;
    await old?.close();
  };

  /** A damaged clone must not outlive a remote that can heal it. */
  const replaceClone = async (following: string): Promise<string> => {
    const fresh = `${clone}.new`;
    await rm(fresh, { recursive: true, force: true });
    const published = await repository.published();
    const commit = await (
      await openGitRepository(fresh, environment, ending)
    ).fetch(url, following);
    await closeObjects();
    await rm(clone, { recursive: true, force: true });
    await rename(fresh, clone);
    repository = await openGitRepository(clone, environment, ending);
    damaged = false;
    if (published !== undefined && (await repository.hasCommit(published, commit))) {
      await repository.setPublished(published);
    }
    return commit;
  };

  /** For a remote that answers: once more, as a break on the way costs less than a new clone. */
  const fetchOrReplace = async (following: string): Promise<string> => {
    try {
      return await repository.fetch(url, following);
    } catch {
      return replaceClone(following);
    }
  };

  const transfer = async (following: string): Promise<string | undefined> => {
    try {
      return await helpers.transfer(url, following);
    } catch (error) {
      if (error instanceof GitKilledError && !ending?.aborted) return undefined;
      throw error;
    }
  };

  const fetch = async (following: string): Promise<string> => {
    if (damaged) return replaceClone(following);
    if (fetched !== undefined) {
      const commit = await transfer(following);
      if (commit !== undefined) return commit;
    }
    try {
      return await repository.fetch(url, following);
    } catch (error) {
      if (await repository.remoteHas(url, following)) return fetchOrReplace(following);
      if (branch.findAgain && (await repository.isReachable(url))) {
        return repository.fetch(url, await branch.findAgain());
      }
      throw error;
    }
  };

  const onDamage = (): void => void (damaged = true);

  const findTree = async (commit: string): Promise<string | undefined> => {
    const wanted = path === '' ? `${commit}^{tree}` : `${commit}:${path}`;
    const found = await objects?.sizes.ask(wanted).catch(() => undefined);
    // What git does not find may be damaged.
    return found?.type === 'tree' ? found.id : repository.treeAt(commit, path);
  };

  const openSnapshot = async (commit: string): Promise<Snapshot> => {
    if (objects?.hasEnded()) await closeObjects();
    objects ??= openGitObjects(clone, environment, ending);
    const tree = await findTree(commit).catch((error: unknown) => {
      onDamage();
      throw error;
    });
    if (tree === undefined) {
      throw new SourceError(`commit ${commit} has no directory ${JSON.stringify(path)}`, {
        hint: 'the subtree to publish is named with --path',
      });
    }
    const treeOf = (other: Snapshot): string | undefined => trees.get(other);
    const origin = async (): Promise<StateOrigin> => readOrigin(clone, environment, commit);
    const snapshot = createGitSnapshot({ commit, tree, treeOf, objects, ending, onDamage, origin });
    trees.set(snapshot, tree);
    return snapshot;
  };

  return {
    kind: 'git',
    location: url,
    branch: branch.known,
    refresh: async () => {
      fetched = await fetch(await branch.find());
      return openSnapshot(fetched);
    },
    hasCommit: async (commit) =>
      commit === fetched || (fetched !== undefined && repository.hasCommit(commit, fetched)),
    isAncestor: async (previous, next) =>
      (await isNear(objects, previous, next)) || repository.isAncestor(previous, next),
    recall: async () => {
      const commit = await repository.published();
      return commit === undefined ? undefined : openSnapshot(commit);
    },
    keep: async ({ commit }) => {
      objects?.giveWay();
      if (commit !== undefined) await helpers.note(fetched ?? commit, commit);
      await helpers.tidy();
    },
    lastChange: async (commit, below) =>
      history.lastChange(commit, path === '' ? below : `${path}/${below}`),
    watch: () => async () => undefined,
    close: async () => {
      await Promise.all([helpers.close(), history.close(), closeObjects()]);
      await unlock();
    },
  };
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
