// A bare clone on disk: what is made, noted and asked there without a remote. No work tree ever
// exists, so nothing of a hostile repository is checked out. Each git has limits: whoever pushes decides
// how long the history is, and so how long a question about commits takes.
//
// A git that cannot run is never a reason to give up a clone. Only where git runs, can read the clone,
// and says itself that it is no repository, another clone is made. The old one is kept aside until a
// state of the new one is published.
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
import { PUBLISHED } from './clone-refs.ts';
import { toGitError } from '../processes/git-error.ts';
import { PARTIAL_CONFIG, WHOLE_CONFIG, hasMarks, makePartial, makeWhole } from './partial-clone.ts';
import { type GitEnvironment, GitKilledError, runGit } from '../processes/git-child.ts';
import { SourceError } from '../../source.ts';
import { messageOf } from '../../../terms/errors.ts';

/** None of these prints anything before its answer, which is a line. Milliseconds, bytes. */
const LIMITS: ProcessLimits = {
  silence: 120_000,
  deadline: 120_000,
  stdout: 64 * 1024,
  stderr: 1024 * 1024,
};

/** A bare clone that git can read. Rejects with a GitKilledError where git does not answer. */
export class GitRepository {
  readonly #git: Git;

  constructor(git: Git) {
    this.#git = git;
  }

  /** The commit that was published last, if one is kept. */
  async published(): Promise<string | undefined> {
    return attempt(this.#resolve(`${PUBLISHED}^{commit}`));
  }

  async setPublished(commit: string): Promise<void> {
    await this.#git('update-ref', PUBLISHED, commit);
  }

  async forgetPublished(): Promise<void> {
    await this.#git('update-ref', '-d', PUBLISHED);
  }

  /** Whether a commit is here, and `newest` was made on top of it or is it. */
  async hasCommit(commit: string, newest: string): Promise<boolean> {
    const found = await attempt(this.#resolve(`${commit}^{commit}`));
    return found !== undefined && this.isAncestor(commit, newest);
  }

  /** Whether `next` was made on top of `previous`, or is it. */
  async isAncestor(previous: string, next: string): Promise<boolean> {
    const answer = await attempt(this.#git('merge-base', '--is-ancestor', previous, next));
    return answer !== undefined;
  }

  /**
   * The object name of the directory at a path of a commit; undefined if there is none.
   * @throws SourceError where git cannot read the commit
   */
  async treeAt(commit: string, path: string): Promise<string | undefined> {
    if (path === '') return this.#resolve(`${commit}^{tree}`);
    const found = await this.#git('ls-tree', '-d', '-z', '--full-tree', commit, '--', path);
    return /^040000 tree ([0-9a-f]+)\t/.exec(found)?.[1];
  }

  async #resolve(name: string): Promise<string> {
    const args = ['--verify', '--quiet', '--end-of-options', name];
    return (await this.#git('rev-parse', ...args)).trim();
  }
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
  return new GitRepository(git);
}

/** A partial clone, where git copes well with missing blobs: see partial-clone.ts. */
async function makeEmpty(git: Git, directory: string): Promise<void> {
  await git('init', '--quiet', '--bare', '--template=', '--', directory);
  await makePartial(directory);
  const said = await git('cat-file', '-t', NOWHERE).catch(messageOf);
  // A git that does not know GIT_NO_LAZY_FETCH starts another git for each object that is missing.
  if (!said.includes(NO_LAZY_FETCH)) await makeWhole(directory);
}

/** An object that no repository has. */
const NOWHERE = '1'.repeat(40);
/** What git says of it where it knows GIT_NO_LAZY_FETCH; in English, as gitEnvironment sets LC_ALL. */
const NO_LAZY_FETCH = 'lazy fetching disabled';

/** What git says of a directory that is no repository; in English, as gitEnvironment sets LC_ALL. */
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
  // Without any repository only the settings of the user are left to complain about: where git does not
  // get past them, it says nothing about this clone.
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
 * Repairs a clone that git takes for no repository. Its HEAD and its configuration hold no data: both are
 * written again. Where that does not help, it is set aside, and an empty one is made.
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

/** Undefined where git says no. Throws where git does not answer because it cannot run. */
async function attempt(result: Promise<string>): Promise<string | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof SourceError && !(error instanceof GitKilledError)) return undefined;
    throw error;
  }
}
