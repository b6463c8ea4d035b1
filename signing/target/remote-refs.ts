// Which branches a remote has.
import { isBranchName } from '../../generator/sources/git/branch/branch-name.ts';
import { OBJECT_NAME } from '../../generator/sources/git/transfers/transfer-branch.ts';
import { RepositoryError } from './repository-error.ts';
import type { UserGit } from './user-git.ts';

/** A branch of a remote, and its newest commit; undefined before the first push. */
export interface RemoteBranch {
  readonly name: string;
  readonly tip: string | undefined;
}

/** The branch of the first push to an empty repository, unless told. */
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
  const named = wanted === undefined ? [] : [`${HEADS}${wanted}`];
  const listed = await list('--symref', '--', url, 'HEAD', ...named);
  const name = wanted ?? findHead(listed);
  if (name !== undefined) {
    const tip = findTip(listed, wanted === undefined ? 'HEAD' : `${HEADS}${name}`);
    if (tip !== undefined) return { name, tip };
  }
  const others = [...(await list('--heads', '--', url)).matchAll(/\trefs\/heads\/(.+)$/gm)];
  if (others.length === 0) return { name: name ?? FIRST_BRANCH, tip: undefined };
  const known = others
    .slice(0, 3)
    .map(([, other]) => other)
    .join(', ');
  const fault = name === undefined ? 'has no default branch' : `has no branch ${name}`;
  throw new RepositoryError(`${url} ${fault}`, {
    hint: `name one that is there with --branch: ${known}${others.length > 3 ? ', …' : ''}`,
  });
}

function findHead(listed: string): string | undefined {
  const name = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(listed)?.[1];
  return name !== undefined && isBranchName(name) ? name : undefined;
}

function findTip(listed: string, ref: string): string | undefined {
  for (const line of listed.split('\n')) {
    const [id = '', name] = line.split('\t');
    if (name === ref && OBJECT_NAME.test(id)) return id;
  }
  return undefined;
}
