// Puts files beside what a commit has, without a work tree: only directories on their way are read.
// Who commits, when, and with which signature is for git to say, as the user has configured it.
import type { BranchTip } from './remote-objects.ts';
import { RepositoryError } from './repository-error.ts';
import type { UserGit } from './user-git.ts';

/** A file of a commit, by its path from the root of the repository. */
export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** For the state before it is a commit of the user. */
const MADE = 'refs/lookaside/made';

/**
 * Commits files on top of a commit, or as the first one, and gives the commit's name. Nothing may stand
 * at their paths: what does is replaced.
 * @throws RepositoryError
 */
export async function makeCommit(
  git: UserGit,
  directory: string,
  tip: BranchTip | undefined,
  files: readonly NewFile[],
  message: string,
): Promise<string> {
  const tree = await makeTree(git, directory, tip, files);
  const parents = tip ? ['-p', tip.commit] : [];
  const signing = (await isSigning(git, directory)) ? ['-S'] : [];
  const args = ['commit-tree', ...signing, ...parents, '-F', '-', tree] as const;
  const commit = await git.print(directory, [...args], { input: Buffer.from(message) });
  return commit.toString().trim();
}

async function makeTree(
  git: UserGit,
  directory: string,
  tip: BranchTip | undefined,
  files: readonly NewFile[],
): Promise<string> {
  const input = Buffer.concat([
    Buffer.from(`commit ${MADE}\ncommitter lookaside <> 0 +0000\ndata 0\n`),
    Buffer.from(tip ? `from ${tip.commit}\n` : ''),
    ...files.flatMap(({ path, bytes }) => [
      Buffer.from(`M 100644 inline ${quotePath(path)}\ndata ${bytes.length}\n`),
      bytes,
      Buffer.from('\n'),
    ]),
  ]);
  await git.print(directory, ['fast-import', '--quiet', '--force'], { input });
  const made = (await git.print(directory, ['cat-file', 'commit', MADE])).toString();
  const [, tree] = /^tree ([0-9a-f]+)\n/.exec(made) ?? [];
  if (tree === undefined) throw new RepositoryError('git fast-import made no commit');
  return tree;
}

/** `git commit` would look itself; `git commit-tree` does not. */
async function isSigning(git: UserGit, directory: string): Promise<boolean> {
  const asked = await git.run(directory, ['config', '--type=bool', '--get', 'commit.gpgSign']);
  return asked.stdout.toString().trim() === 'true';
}

/** As git-fast-import(1) reads paths. */
function quotePath(path: string): string {
  return `"${path.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;
}
