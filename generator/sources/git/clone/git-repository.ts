// A bare clone on disk: what is made, noted and asked there without a remote. No work tree ever
// exists, so nothing of a hostile repository is checked out. Each git is bounded like all others, as
// even a question about commits is as long as whoever pushes makes the history.
//
// A git that cannot run never costs a clone. Only where git runs, can read the clone, and says
// itself that it is no repository is it made anew; what was there lies aside until the new one is
// published.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceBytes } from '../../../system/durable.ts';
import type { ProcessLimits } from '../../../system/process-limits.ts';
import {
  assertReadable,
  makeCloneDirectory,
  recoverClone,
  removeLeftovers,
  setCloneAside,
} from './clone-places.ts';
import { toGitError } from '../processes/git-error.ts';
import { PARTIAL_CONFIG, WHOLE_CONFIG, hasMarks, makePartial, makeWhole } from './partial-clone.ts';
import { type GitEnvironment, GitKilledError, runGit } from '../processes/git-child.ts';
import { SourceError } from '../../source.ts';
import { messageOf } from '../../../terms/errors.ts';

/** All of these say nothing before they have their answer, which is a line. Milliseconds, bytes. */
const LIMITS: ProcessLimits = {
  silence: 120_000,
  deadline: 120_000,
  stdout: 64 * 1024,
  stderr: 1024 * 1024,
};

/** The newest commit of the branch. */
export const FETCHED = 'refs/lookaside/fetched';
/** The commit that was published last. */
export const PUBLISHED = 'refs/lookaside/published';

export interface GitRepository {
  readonly directory: string;
  /** The commit that was published last, if one is kept. */
  readonly published: () => Promise<string | undefined>;
  readonly setPublished: (commit: string) => Promise<void>;
  readonly forgetPublished: () => Promise<void>;
  /** Whether a commit is here, and `newest` was made on top of it or is it. */
  readonly hasCommit: (commit: string, newest: string) => Promise<boolean>;
  readonly isAncestor: (previous: string, next: string) => Promise<boolean>;
  /** The object name of the directory at a path of a commit, or undefined if there is none. */
  readonly treeAt: (commit: string, path: string) => Promise<string | undefined>;
}

/**
 * Opens the bare clone, or makes an empty one; clears what a killed process left behind. `ending`
 * stops the git that runs. Throws a SourceError when git cannot run or the clone cannot be read:
 * nothing has been removed then.
 */
export async function openGitRepository(
  directory: string,
  environment: GitEnvironment,
  ending?: AbortSignal,
): Promise<GitRepository> {
  await recoverClone(directory);
  const git = bind(directory, environment, ending);
  const isEmpty = await makeCloneDirectory(directory);
  await removeLeftovers(directory);
  if (isEmpty) await makeEmpty(git, directory);
  else if (!(await isRepository(git, environment, ending))) await mend(git, directory);
  return {
    directory,
    published: async () => attempt(resolve(git, `${PUBLISHED}^{commit}`)),
    setPublished: async (commit) => void (await git('update-ref', PUBLISHED, commit)),
    forgetPublished: async () => void (await git('update-ref', '-d', PUBLISHED)),
    hasCommit: async (commit, newest) =>
      (await attempt(resolve(git, `${commit}^{commit}`))) !== undefined &&
      (await attempt(git('merge-base', '--is-ancestor', commit, newest))) !== undefined,
    isAncestor: async (previous, next) =>
      (await attempt(git('merge-base', '--is-ancestor', previous, next))) !== undefined,
    treeAt: async (commit, path) => {
      if (path === '') return resolve(git, `${commit}^{tree}`);
      const found = await git('ls-tree', '-d', '-z', '--full-tree', commit, '--', path);
      return /^040000 tree ([0-9a-f]+)\t/.exec(found)?.[1];
    },
  };
}

/** Blobs may be missing from it, if that costs nothing: see partial-clone.ts. */
async function makeEmpty(git: Git, directory: string): Promise<void> {
  await git('init', '--quiet', '--bare', '--template=', '--', directory);
  await makePartial(directory);
  const said = await git('cat-file', '-t', NOWHERE).catch(messageOf);
  // A git that does not know GIT_NO_LAZY_FETCH starts another one for each object that is missing.
  if (!said.includes(NO_LAZY_FETCH)) await makeWhole(directory);
}

/** An object that no repository has. */
const NOWHERE = '1'.repeat(40);
/** What git says of it where it obeys gitEnvironment. It says it in English. */
const NO_LAZY_FETCH = 'lazy fetching disabled';

/** Git's own word on a directory. It is said in English: see gitEnvironment. */
const NO_REPOSITORY = /(?:failed: |; )fatal: not a git repository/;

/** False only where git runs. Throws what keeps it from running. */
async function isRepository(
  git: Git,
  environment: GitEnvironment,
  ending: AbortSignal | undefined,
): Promise<boolean> {
  const fault = await faultOf(git);
  if (fault === undefined) return true;
  if (NO_REPOSITORY.test(fault.message)) return false;
  // Of nothing but the settings of the user: what it can say of no repository, it says of this one.
  const elsewhere = await faultOf(bind('/dev/null', environment, ending));
  if (elsewhere && NO_REPOSITORY.test(elsewhere.message)) return false;
  throw fault;
}

async function faultOf(git: Git): Promise<SourceError | undefined> {
  try {
    await git('rev-parse', '--git-dir');
    return undefined;
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
}

const HEAD = 'ref: refs/heads/main\n';

/**
 * Makes a clone of what git takes for none. Without its HEAD and its configuration it has all that it
 * ever had: both are written again. Where that does not do, it is set aside.
 */
async function mend(git: Git, directory: string): Promise<void> {
  await assertReadable(directory);
  try {
    await replaceBytes(join(directory, 'HEAD'), HEAD);
    const config = (await hasMarks(directory)) ? PARTIAL_CONFIG : WHOLE_CONFIG;
    await replaceBytes(join(directory, 'config'), config);
    for (const folder of ['objects', 'refs']) {
      await mkdir(join(directory, folder), { recursive: true });
    }
    if ((await faultOf(git)) === undefined) return;
  } catch {
    // There is something else in their place.
  }
  await setCloneAside(directory);
  await mkdir(directory);
  await makeEmpty(git, directory);
}

/** Runs git on one clone, and gives what it prints. Throws a SourceError unless it succeeds. */
type Git = (command: string, ...args: readonly string[]) => Promise<string>;

function bind(
  directory: string,
  environment: GitEnvironment,
  ending: AbortSignal | undefined,
): Git {
  return async (command, ...args) => {
    const options = { limits: LIMITS, ending };
    const end = await runGit(directory, environment, [command, ...args], options);
    const { exitCode, signal, stdout, stderr } = end;
    if (exitCode === 0) return stdout.toString();
    if (signal !== null) throw new GitKilledError(`git ${command} was killed by ${signal}`);
    throw toGitError(command, stderr.trim() || `exit code ${exitCode}`);
  };
}

async function resolve(git: Git, name: string): Promise<string> {
  return (await git('rev-parse', '--verify', '--quiet', '--end-of-options', name)).trim();
}

/** Undefined where git says no. Throws where it says nothing, as it cannot run. */
async function attempt(result: Promise<string>): Promise<string | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof SourceError && !(error instanceof GitKilledError)) return undefined;
    throw error;
  }
}
