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

/** Follows the branch that is `named`, or else the default branch, kept in `file` between runs. */
export async function openFollowedBranch(
  named: string | undefined,
  file: string,
  askRemote: () => Promise<string>,
): Promise<FollowedBranch> {
  if (named !== undefined) {
    const find = async (): Promise<string> => {
      if (isBranchName(named)) return named;
      const message = `expected a branch, as git-check-ref-format(1) has it, got ${JSON.stringify(named)}`;
      throw new SourceError(message, { hint: 'name the branch alone, without refs/heads/' });
    };
    return { known: () => named, find, findAgain: undefined };
  }
  const kept = await readFile(file, 'utf8').catch(() => '');
  let branch = isBranchName(kept) ? kept : undefined;
  let askedAt = -Infinity;
  const findAgain = async (): Promise<string> => {
    branch = await askRemote();
    askedAt = performance.now();
    // Only for the next start: a full disk is no reason not to follow it now.
    await replaceBytes(file, branch).catch(() => undefined);
    return branch;
  };
  return {
    known: () => branch,
    findAgain,
    find: async () => {
      if (branch !== undefined && performance.now() - askedAt < DEFAULT_BRANCH_AGE) return branch;
      try {
        return await findAgain();
      } catch (error) {
        if (branch === undefined) throw error;
        return branch;
      }
    },
  };
}
