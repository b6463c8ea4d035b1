// Puts files beside what a commit has, without a work tree: only directories on their way are read.
// Who commits, when, and with which signature is for git to say, as the user has configured it.
import { createHash } from 'node:crypto';
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
/** The user's settings must not change what a path means. */
const SETTINGS: readonly string[] = [
  '-c',
  'core.ignoreCase=false',
  '-c',
  'core.precomposeUnicode=false',
];

/**
 * Commits files on top of a commit, or as the first one, and gives the commit's name.
 * @throws RepositoryError also where the commit would do anything else than add these files
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
  const settings = SETTINGS;
  await git.print(directory, ['fast-import', '--quiet', '--force'], { input, settings });
  await assertAdditions(git, directory, files);
  const made = (await git.print(directory, ['cat-file', 'commit', MADE])).toString();
  const [, tree] = /^tree ([0-9a-f]+)\n/.exec(made) ?? [];
  if (tree === undefined) throw new RepositoryError('git fast-import made no commit');
  return tree;
}

/** Compares the commit that git made with its parent: files that were there must be as they were. */
async function assertAdditions(
  git: UserGit,
  directory: string,
  files: readonly NewFile[],
): Promise<void> {
  const manner = ['-r', '-z', '--root', '--raw', '--no-commit-id', '--no-renames'];
  const printed = await git.print(directory, ['diff-tree', ...manner, MADE]);
  const fields = printed.toString().split('\0').slice(0, -1);
  const planned = new Map(files.map(({ path, bytes }) => [path, bytes]));
  for (let at = 0; at < fields.length; at += 2) {
    const [change = '', path = ''] = fields.slice(at, at + 2);
    const [, id] = /^:000000 100644 0+ ([0-9a-f]+) A$/.exec(change) ?? [];
    const bytes = planned.get(path);
    if (id === undefined || !bytes || nameBlob(bytes, id.length) !== id) throw notAdded(path);
    planned.delete(path);
  }
  for (const path of planned.keys()) throw notAdded(path);
}

function notAdded(path: string): RepositoryError {
  return new RepositoryError(`not pushed: git would change more than it was told: ${path}`, {
    hint: 'see what `git fsck --strict` says of the repository, and `git config --list` of yours',
  });
}

/** What git names a blob by, in a repository whose names have this length. */
function nameBlob(bytes: Uint8Array, length: number): string {
  const hash = createHash(length === 64 ? 'sha256' : 'sha1');
  return hash.update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
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
