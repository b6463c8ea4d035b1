import { readFile } from 'node:fs/promises';
import { replaceBytes } from '../../../system/durable.ts';
import { SourceError } from '../../source.ts';
import { isBranchName } from './branch-name.ts';

/** The remote may choose another default branch, so it is asked again after this long. Milliseconds. */
const DEFAULT_BRANCH_AGE = 10 * 60_000;

export interface FollowedBranch {
  /** The branch, as far as it is known without asking. */
  readonly known: () => string | undefined;
  /** The branch; an old answer is good enough when the remote gives none. */
  readonly find: () => Promise<string>;
  /** Asks the remote whatever is known. Undefined for a branch that was named. */
  readonly findAgain: (() => Promise<string>) | undefined;
}

/**
 * Follows the branch that is `named`, or else the default branch of the remote, which is kept in `file`
 * between runs.
 */
export async function openFollowedBranch(
  named: string | undefined,
  file: string,
  askRemote: () => Promise<string>,
): Promise<FollowedBranch> {
  if (named !== undefined) return toFollowed(named);
  const kept = await readFile(file, 'utf8').catch(() => '');
  return new DefaultBranch(file, askRemote, isBranchName(kept) ? kept : undefined);
}

function toFollowed(named: string): FollowedBranch {
  return {
    known: () => named,
    find: async () => {
      if (isBranchName(named)) return named;
      const message = `expected a branch name (git-check-ref-format(1)), got ${JSON.stringify(named)}`;
      throw new SourceError(message, { hint: 'give the name alone, without refs/heads/' });
    },
    findAgain: undefined,
  };
}

/** The branch that the remote chooses. */
class DefaultBranch implements FollowedBranch {
  readonly #file: string;
  readonly #askRemote: () => Promise<string>;
  #branch: string | undefined;
  #askedAt = -Infinity;

  constructor(file: string, askRemote: () => Promise<string>, kept: string | undefined) {
    this.#file = file;
    this.#askRemote = askRemote;
    this.#branch = kept;
  }

  known(): string | undefined {
    return this.#branch;
  }

  async find(): Promise<string> {
    const known = this.#branch;
    if (known !== undefined && performance.now() - this.#askedAt < DEFAULT_BRANCH_AGE) return known;
    try {
      return await this.findAgain();
    } catch (error) {
      if (known === undefined) throw error;
      return known;
    }
  }

  async findAgain(): Promise<string> {
    const branch = await this.#askRemote();
    this.#branch = branch;
    this.#askedAt = performance.now();
    // The file is only for the next start: a full disk is no reason not to follow the branch now.
    await replaceBytes(this.#file, branch).catch(() => undefined);
    return branch;
  }
}
