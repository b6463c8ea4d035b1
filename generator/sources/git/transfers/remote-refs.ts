// What a remote says of its refs, without any of its objects.
import { SourceError } from '../../source.ts';
import { isBranchName } from '../branch/branch-name.ts';
import { toGitError } from '../processes/git-error.ts';
import type { RestartingRunner } from '../processes/restarting-runner.ts';
import { findCommit } from './transfer-branch.ts';

/** The branch that HEAD of a remote names, as `ls-remote --symref` lists it: any text. */
export function findHeadName(listed: string): string | undefined {
  return /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(listed)?.[1];
}

export class RemoteRefs {
  readonly #url: string;
  readonly #git: RestartingRunner;

  /** `url` is anything that git fetches from. */
  constructor(url: string, git: RestartingRunner) {
    this.#url = url;
    this.#git = git;
  }

  /**
   * The branch that HEAD of the remote names.
   * @throws SourceError where it names none, or git cannot ask
   */
  async defaultBranch(): Promise<string> {
    const answer = await this.#list('HEAD', '--symref');
    const branch = findHeadName(answer);
    if (branch !== undefined && isBranchName(branch)) return branch;
    if (answer === '' && (await this.#list('*', '--heads')) === '') {
      throw new SourceError('the repository is empty: nothing was pushed to it yet', {
        hint: 'push a commit to it first, or check the path of the URL',
      });
    }
    const message =
      branch === undefined
        ? 'the repository has no default branch'
        : 'the default branch of the repository does not have a valid branch name (git-check-ref-format(1))';
    throw new SourceError(message, { hint: 'name one with --branch' });
  }

  /**
   * The newest commit of a branch; undefined if the remote has no such branch.
   * @throws SourceError where git cannot ask
   */
  async tip(branch: string): Promise<string | undefined> {
    const ref = `refs/heads/${branch}`;
    const answer = await this.#list(ref);
    return findCommit(answer.replaceAll('\t', ' ').split('\n'), ref);
  }

  /** Whether the remote answers. */
  async isReachable(): Promise<boolean> {
    return this.#list('HEAD').then(
      () => true,
      () => false,
    );
  }

  /** Runs outside the clone, so that a damaged one does not get in the way. */
  async #list(ref: string, ...options: readonly string[]): Promise<string> {
    const args = ['--git-dir=/dev/null', 'ls-remote', ...options, '--', this.#url, ref];
    const { exitCode, stdout, stderr } = await this.#git.run(args);
    if (exitCode !== 0) throw toGitError('ls-remote', stderr);
    return stdout;
  }
}
