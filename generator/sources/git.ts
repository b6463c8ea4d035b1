// A git repository as a source: fetched into a bare clone in the state directory, read
// object by object. A refresh costs what changed between two commits.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf } from '../message-of.ts';
import { lockDirectory } from '../directory-lock.ts';
import { type TokenFile, gitEnvironment } from './git-environment.ts';
import { type CatFile, diffTrees, listTree, openCatFile } from './git-objects.ts';
import { openGitRepository } from './git-repository.ts';
import { type Entry, type Snapshot, type Source, SourceError } from './source.ts';

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
  /** Once aborted, git is stopped and nothing is read any more. */
  readonly ending?: AbortSignal | undefined;
}

/** The remote may choose another default branch, so it is asked again after this long. Milliseconds. */
const DEFAULT_BRANCH_AGE = 10 * 60_000;

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
  const branchFile = join(state, 'branch');
  let repository = await openGitRepository(clone, environment, ending);
  let defaultBranch = await readFile(branchFile, 'utf8').catch(() => undefined);
  let branchAskedAt = -Infinity;
  // Set when git could not read what the clone should hold.
  let damaged = false;

  const resolveDefaultBranch = async (): Promise<string> => {
    defaultBranch = await repository.defaultBranch(url);
    branchAskedAt = performance.now();
    await writeFile(branchFile, defaultBranch);
    return defaultBranch;
  };

  const followedBranch = async (): Promise<string> => {
    if (options.branch !== undefined) return options.branch;
    const isFresh = performance.now() - branchAskedAt < DEFAULT_BRANCH_AGE;
    if (defaultBranch !== undefined && isFresh) return defaultBranch;
    try {
      return await resolveDefaultBranch();
    } catch (error) {
      if (defaultBranch === undefined) throw error;
      return defaultBranch;
    }
  };

  /** A damaged clone must not outlive a remote that can heal it. */
  const replaceClone = async (branch: string): Promise<string> => {
    const fresh = `${clone}.new`;
    await rm(fresh, { recursive: true, force: true });
    const published = await repository.published();
    const commit = await (await openGitRepository(fresh, environment, ending)).fetch(url, branch);
    await rm(clone, { recursive: true, force: true });
    await rename(fresh, clone);
    repository = await openGitRepository(clone, environment, ending);
    damaged = false;
    if (published !== undefined && (await repository.hasCommit(published))) {
      await repository.setPublished(published);
    }
    return commit;
  };

  /** For a remote that answers: once more, as a break on the way costs less than a new clone. */
  const fetchOrReplace = async (branch: string): Promise<string> => {
    try {
      return await repository.fetch(url, branch);
    } catch {
      return replaceClone(branch);
    }
  };

  const fetch = async (): Promise<string> => {
    const branch = await followedBranch();
    if (damaged) return replaceClone(branch);
    try {
      return await repository.fetch(url, branch);
    } catch (error) {
      if (await repository.remoteHas(url, branch)) return fetchOrReplace(branch);
      if (options.branch === undefined && (await repository.isReachable(url))) {
        return repository.fetch(url, await resolveDefaultBranch());
      }
      throw error;
    }
  };

  const openSnapshot = async (commit: string): Promise<Snapshot> => {
    const tree = await repository.treeAt(commit, path).catch((error: unknown) => {
      damaged = true;
      throw error;
    });
    if (tree === undefined) {
      throw new SourceError(`commit ${commit} has no directory ${JSON.stringify(path)}`, {
        hint: 'the subtree to publish is named with --path',
      });
    }
    return createSnapshot({
      commit,
      tree,
      treeOf: async (other) => repository.treeAt(other, path).catch(() => undefined),
      directory: repository.directory,
      environment,
      ending,
      onDamage: () => (damaged = true),
    });
  };

  return {
    kind: 'git',
    location: url,
    branch: () => options.branch ?? defaultBranch,
    refresh: async () => openSnapshot(await fetch()),
    hasCommit: async (commit) => repository.hasCommit(commit),
    isAncestor: async (previous, next) => repository.isAncestor(previous, next),
    recall: async () => {
      const commit = await repository.published();
      return commit === undefined ? undefined : openSnapshot(commit);
    },
    keep: async ({ commit }) => {
      if (commit !== undefined) await repository.setPublished(commit);
      await repository.tidy();
    },
    watch: () => async () => undefined,
    close: unlock,
  };
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

interface SnapshotOptions {
  readonly commit: string;
  readonly tree: string;
  readonly treeOf: (commit: string) => Promise<string | undefined>;
  readonly directory: string;
  readonly environment: Record<string, string>;
  readonly ending: AbortSignal | undefined;
  readonly onDamage: () => void;
}

function createSnapshot(options: SnapshotOptions): Snapshot {
  const { commit, tree, directory, environment, ending, onDamage } = options;
  let blobs: CatFile | undefined;
  const noticing = async function* (entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
    try {
      yield* entries;
    } catch (error) {
      onDamage();
      throw error;
    }
  };
  return {
    commit,
    entries: () => noticing(listTree(directory, environment, tree)),
    changesSince: async function* (previous) {
      const before = await options.treeOf(previous.commit ?? '');
      if (before === undefined)
        throw new SourceError(`the clone has lost commit ${previous.commit}`);
      if (before !== tree) yield* noticing(diffTrees(directory, environment, before, tree));
    },
    read: async ({ id }) => {
      ending?.throwIfAborted();
      blobs ??= openCatFile(directory, environment, '--batch');
      try {
        return (await blobs.ask(id)).bytes;
      } catch (error) {
        onDamage();
        throw error;
      }
    },
    close: async () => blobs?.close(),
  };
}
