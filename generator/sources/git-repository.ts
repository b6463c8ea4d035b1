// A bare clone on disk, by simple-git: the one file that knows it. No work tree ever exists,
// so nothing of a hostile repository is checked out.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type SimpleGit, simpleGit } from 'simple-git';
import { SourceError } from './source.ts';

/** A git that says nothing for this long is killed. Milliseconds. */
export const SILENCE_LIMIT = 120_000;

/** The newest commit of the branch. */
export const FETCHED = 'refs/lookaside/fetched';
/** The commit that was published last. */
export const PUBLISHED = 'refs/lookaside/published';

export interface GitRepository {
  readonly directory: string;
  /** Fetches a branch and gives its commit; anything the branch was before is forgotten. */
  readonly fetch: (url: string, branch: string) => Promise<string>;
  /** The branch that HEAD of the remote names. */
  readonly defaultBranch: (url: string) => Promise<string>;
  /** Whether the remote answers and has the branch. */
  readonly remoteHas: (url: string, branch: string) => Promise<boolean>;
  /** Whether the remote answers. */
  readonly isReachable: (url: string) => Promise<boolean>;
  /** The commit that was published last, if one is kept. */
  readonly published: () => Promise<string | undefined>;
  readonly setPublished: (commit: string) => Promise<void>;
  /** Whether a commit is here, and `newest` was made on top of it or is it. */
  readonly hasCommit: (commit: string, newest: string) => Promise<boolean>;
  readonly isAncestor: (previous: string, next: string) => Promise<boolean>;
  /** The object name of the directory at a path of a commit, or undefined if there is none. */
  readonly treeAt: (commit: string, path: string) => Promise<string | undefined>;
}

/**
 * Opens the bare clone, or makes an empty one; clears what a killed process left behind. A clone
 * that git does not take for a repository is made anew. `ending` stops the git that runs.
 */
export async function openGitRepository(
  directory: string,
  environment: Record<string, string>,
  ending?: AbortSignal,
): Promise<GitRepository> {
  await mkdir(directory, { recursive: true });
  await removeLeftovers(directory);
  // Named, lest git look for a repository around a clone that has lost its HEAD.
  const git = bind({ ...environment, GIT_DIR: directory }, ending);
  // Questions to the remote alone, which a damaged clone must not get in the way of.
  const nowhere = bind({ ...environment, GIT_DIR: '/dev/null' }, ending);
  if ((await attempt(run(git, ['rev-parse', '--git-dir']))) === undefined) {
    await rm(directory, { recursive: true });
    await mkdir(directory);
    await run(git, ['init', '--quiet', '--bare', '--template=', '--', directory]);
  }
  return {
    directory,
    fetch: async (url, branch) => {
      const refspec = `+refs/heads/${branch}:${FETCHED}`;
      // A git that says nothing is waited for a little longer, by simple-git.
      const modestly = ['--verbose', '--no-tags', '--no-write-fetch-head'];
      const alone = ['--no-recurse-submodules', '--no-auto-gc'];
      await run(git, ['fetch', ...modestly, ...alone, '--', url, refspec]);
      return resolve(git, `${FETCHED}^{commit}`);
    },
    defaultBranch: async (url) => {
      const answer = await run(nowhere, ['ls-remote', '--symref', '--', url, 'HEAD']);
      const branch = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(answer)?.[1];
      if (branch === undefined) {
        throw new SourceError('the repository has no default branch', {
          hint: 'name one with --branch',
        });
      }
      return branch;
    },
    remoteHas: async (url, branch) =>
      (await attempt(
        run(nowhere, ['ls-remote', '--exit-code', '--', url, `refs/heads/${branch}`]),
      )) !== undefined,
    isReachable: async (url) =>
      (await attempt(run(nowhere, ['ls-remote', '--', url, 'HEAD']))) !== undefined,
    published: async () => attempt(resolve(git, `${PUBLISHED}^{commit}`)),
    setPublished: async (commit) => void (await run(git, ['update-ref', PUBLISHED, commit])),
    hasCommit: async (commit, newest) =>
      (await attempt(resolve(git, `${commit}^{commit}`))) !== undefined &&
      (await attempt(run(git, ['merge-base', '--is-ancestor', commit, newest]))) !== undefined,
    isAncestor: async (previous, next) =>
      (await attempt(run(git, ['merge-base', '--is-ancestor', previous, next]))) !== undefined,
    treeAt: async (commit, path) => {
      if (path === '') return resolve(git, `${commit}^{tree}`);
      const found = await run(git, ['ls-tree', '-d', '-z', '--full-tree', commit, '--', path]);
      return /^040000 tree ([0-9a-f]+)\t/.exec(found)?.[1];
    },
  };
}

function bind(environment: Record<string, string>, ending: AbortSignal | undefined): SimpleGit {
  return simpleGit({
    // Not the clone, without which no git could start to make it anew.
    baseDir: '/',
    timeout: { block: SILENCE_LIMIT },
    ...(ending && { abort: ending }),
    allowEnvironment: Object.keys(environment),
    // By default a command that fails without a word counts as a success.
    errors: (error, { exitCode }) =>
      error ?? (exitCode === 0 ? undefined : new Error(`exit code ${exitCode}`)),
    // The environment is ours alone (gitEnvironment); these let exactly its settings pass.
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeExec: true,
      allowUnsafeHooksPath: true,
      allowUnsafeSshCommand: true,
      allowUnsafeTemplateDir: true,
    },
  }).env(environment);
}

/** Cures for what git says of a remote. */
const HINTS = [
  { said: /couldn't find remote ref/, hint: 'name a branch that is there with --branch' },
  { said: /not appear to be a git repository|not found/i, hint: 'check the path of the URL' },
  {
    said: /Authentication failed|could not read (?:Username|Password)/,
    hint: 'give a token that may read it with --git-token-file',
  },
  {
    said: /dubious ownership/,
    hint: 'let git trust it: git config --global --add safe.directory PATH',
  },
];

async function run(git: SimpleGit, args: string[]): Promise<string> {
  try {
    return await git.raw(args);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.trim() : String(cause);
    const hint = HINTS.find(({ said }) => said.test(detail))?.hint;
    const message = `git ${args[0] ?? ''} failed: ${lastLines(detail)}`;
    throw new SourceError(message, { cause, ...(hint !== undefined && { hint }) });
  }
}

async function resolve(git: SimpleGit, name: string): Promise<string> {
  return (await run(git, ['rev-parse', '--verify', '--quiet', '--end-of-options', name])).trim();
}

async function attempt(result: Promise<string>): Promise<string | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/** What git says below every failure of a remote, and what helps nobody. */
const BOILERPLATE: ReadonlySet<string> = new Set([
  'Please make sure you have the correct access rights',
  'and the repository exists.',
]);

/** A git that could not be started at all is told of with a stack. */
const STACK_LINE = /^\s+at /;

function lastLines(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => line !== '' && !BOILERPLATE.has(line) && !STACK_LINE.test(line));
  return lines.slice(-3).join('; ').replace(/\.$/, '');
}

/** A process killed amid a fetch leaves locks, which stop the next one, and half packs. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const folder of ['.', 'refs', 'refs/lookaside', 'objects', 'objects/pack', 'objects/info']) {
    const names = await readdir(join(directory, folder)).catch(() => []);
    const leftovers = names.filter((name) => name.endsWith('.lock') || name.startsWith('tmp_'));
    await Promise.all(
      leftovers.map(async (name) => rm(join(directory, folder, name), { recursive: true })),
    );
  }
}
