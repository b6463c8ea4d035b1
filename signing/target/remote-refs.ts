// Which branches a remote has.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { isBranchName } from '../../generator/sources/git/branch/branch-name.ts';
import { findHeadName } from '../../generator/sources/git/transfers/remote-refs.ts';
import { OBJECT_NAME } from '../../generator/sources/git/transfers/transfer-branch.ts';
import { RepositoryError } from './repository-error.ts';
import type { UserGit } from './user-git.ts';

/** A branch of a remote, and its newest commit; undefined before the first push. */
export interface RemoteBranch {
  readonly name: string;
  readonly tip: string | undefined;
}

/** The branch of the first push to an empty repository that does not say which is its default. */
const FIRST_BRANCH = 'main';
const HEADS = 'refs/heads/';

/**
 * Looks a branch up, by default that of the remote's HEAD. One that is not there is good for a repository
 * without any.
 * @throws RepositoryError if there are others, or the remote cannot be asked.
 */
export async function lookUpBranch(
  git: UserGit,
  directory: string,
  url: string,
  wanted: string | undefined,
): Promise<RemoteBranch> {
  const list = async (...args: readonly string[]): Promise<string> => {
    const said = await git.print(directory, ['ls-remote', ...args], { isRemote: true });
    return said.toString();
  };
  const find = async (): Promise<RemoteBranch | undefined> => {
    const named = wanted === undefined ? [] : [`${HEADS}${wanted}`];
    const listed = await list('--symref', '--', url, 'HEAD', ...named);
    const name = wanted ?? findHead(listed);
    const tip = name && findTip(listed, wanted === undefined ? 'HEAD' : `${HEADS}${name}`);
    return name && tip ? { name, tip } : undefined;
  };
  const found = await find();
  if (found) return found;
  const others = await list('--heads', '--', url);
  if (others === '') {
    return { name: wanted ?? (await readUnbornHead(git, directory, url)), tip: undefined };
  }
  // The first push of somebody else may have come between the two questions.
  return (await find()) ?? chooseOther(url, others, wanted);
}

/**
 * The refs of a remote whose names match a pattern, with what they point to.
 * @throws RepositoryError if it cannot be asked
 */
export async function listRefs(
  git: UserGit,
  directory: string,
  url: string,
  pattern: string,
): Promise<ReadonlyMap<string, string>> {
  const args = ['ls-remote', '--', url, pattern] as const;
  const listed = await git.print(directory, [...args], { isRemote: true });
  const lines = listed
    .toString()
    .split('\n')
    .map((line) => line.split('\t'));
  return new Map(lines.flatMap(([id = '', name]) => (name === undefined ? [] : [[name, id]])));
}

/** @throws RepositoryError unless there is no doubt which one is meant */
function chooseOther(url: string, listed: string, wanted: string | undefined): RemoteBranch {
  const others = [...listed.matchAll(/\trefs\/heads\/(.+)$/gm)].map(([, name = '']) => name);
  // The first push made it where the remote did not say what its HEAD names.
  const [only, ...more] = others;
  if (wanted === undefined && only === FIRST_BRANCH && more.length === 0) {
    return { name: FIRST_BRANCH, tip: findTip(listed, `${HEADS}${FIRST_BRANCH}`) };
  }
  const fault = wanted === undefined ? 'has no default branch' : `has no branch ${wanted}`;
  const known = others.slice(0, 3).join(', ');
  throw new RepositoryError(`${url} ${fault}`, {
    hint: `name one that is there with --branch: ${known}${others.length > 3 ? ', …' : ''}`,
  });
}

/** The branch that HEAD of an empty repository names. Git tells it only to those who clone. */
async function readUnbornHead(git: UserGit, directory: string, url: string): Promise<string> {
  const clone = join(await mkdtemp(join(directory, 'empty-')), 'clone.git');
  const form = ['--bare', '--quiet', '--template=', '--depth=1', '--filter=tree:0', '--no-local'];
  const settings = ['-c', 'protocol.version=2', '-c', `init.defaultBranch=${FIRST_BRANCH}`];
  await git.print(directory, ['clone', ...form, '--', url, clone], { isRemote: true, settings });
  const head = (await git.print(clone, ['symbolic-ref', '--short', 'HEAD'])).toString().trim();
  return isBranchName(head) ? head : FIRST_BRANCH;
}

function findHead(listed: string): string | undefined {
  const name = findHeadName(listed);
  return name !== undefined && isBranchName(name) ? name : undefined;
}

function findTip(listed: string, ref: string): string | undefined {
  for (const line of listed.split('\n')) {
    const [id = '', name] = line.split('\t');
    if (name === ref && OBJECT_NAME.test(id)) return id;
  }
  return undefined;
}
