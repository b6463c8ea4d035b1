// What a remote says of its refs, without any of its objects.
import { SourceError } from '../../source.ts';
import { toLine } from '../../../terms/text.ts';
import { isBranchName, nameSome } from '../branch/branch-name.ts';
import { chooseBundleBranch } from './bundle.ts';
import { toGitError } from '../processes/git-error.ts';
import type { RestartingRunner } from '../processes/restarting-runner.ts';
import { findCommit } from './transfer-branch.ts';

/** The branch that HEAD of a remote names, as `ls-remote --symref` lists it: any text. */
export function findHeadName(listed: string): string | undefined {
  return /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(listed)?.[1];
}

const HEADS = 'refs/heads/';

export class RemoteRefs {
  readonly #url: string;
  readonly #isBundle: boolean;
  readonly #git: RestartingRunner;

  /** `url` is anything that git fetches from, or the path of a bundle. */
  constructor(url: string, isBundle: boolean, git: RestartingRunner) {
    this.#url = url;
    this.#isBundle = isBundle;
    this.#git = git;
  }

  /**
   * The branch that HEAD of the remote names.
   * @throws SourceError where it names none, or git cannot ask
   */
  async defaultBranch(): Promise<string> {
    if (this.#isBundle) return chooseBundleBranch(await this.#list([]));
    const branch = findHeadName(await this.#list(['HEAD'], '--symref'));
    if (branch !== undefined && isBranchName(branch)) return branch;
    if (branch === undefined) throw await this.#explainBranch();
    const message =
      'the default branch of the repository does not have a valid branch name (git-check-ref-format(1))';
    throw new SourceError(message, { hint: 'name one with --branch' });
  }

  /**
   * What is wrong with a branch that the remote does not have; undefined where it has it.
   * @throws SourceError where git cannot ask
   */
  async explainMissing(branch: string): Promise<SourceError | undefined> {
    return (await this.tip(branch)) === undefined ? this.#explainBranch(branch) : undefined;
  }

  async #explainBranch(wanted?: string): Promise<SourceError> {
    const listed = await this.#list([`${HEADS}*`]);
    const found = [...listed.matchAll(/\trefs\/heads\/(.+)$/gm)].map(([, name = '']) => name);
    const what = this.#isBundle ? 'the bundle' : 'the repository';
    if (found.length === 0) {
      const lack =
        wanted === undefined ? 'no branch' : `no branch ${toLine(wanted)}, nor any other`;
      return new SourceError(
        `${what} has ${lack}: nothing was pushed to it yet, or what answers there is no git host`,
        {
          hint: 'push a first commit; else check the address: a page for people, as a login, may answer there',
        },
      );
    }
    const lack = wanted === undefined ? 'has no default branch' : `has no branch ${toLine(wanted)}`;
    return new SourceError(`${what} ${lack}; it has ${nameSome(found)}`, {
      hint: 'name a branch that is there with --branch',
    });
  }

  /**
   * The newest commit of a branch; undefined if the remote has no such branch.
   * @throws SourceError where git cannot ask
   */
  async tip(branch: string): Promise<string | undefined> {
    const ref = `${HEADS}${branch}`;
    const answer = await this.#list([ref]);
    return findCommit(answer.replaceAll('\t', ' ').split('\n'), ref);
  }

  /** Whether the remote answers. */
  async isReachable(): Promise<boolean> {
    return this.#list(['HEAD']).then(
      () => true,
      () => false,
    );
  }

  /** Runs outside the clone, so that a damaged one does not get in the way. */
  async #list(refs: readonly string[], ...options: readonly string[]): Promise<string> {
    const args = ['--git-dir=/dev/null', 'ls-remote', ...options, '--', this.#url, ...refs];
    const { exitCode, stdout, stderr } = await this.#git.run(args);
    if (exitCode !== 0) throw toGitError('ls-remote', stderr);
    return stdout;
  }
}
