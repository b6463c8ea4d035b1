import { readFile, writeFile } from 'node:fs/promises';

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
    return { known: () => named, find: async () => named, findAgain: undefined };
  }
  let branch = await readFile(file, 'utf8').catch(() => undefined);
  let askedAt = -Infinity;
  const findAgain = async (): Promise<string> => {
    branch = await askRemote();
    askedAt = performance.now();
    await writeFile(file, branch);
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
