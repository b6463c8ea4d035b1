// Why git cannot read a repository on this machine. Git only says that it is none, or names one of its own
// files; whoever sees the directory can say which file is wrong, and what to do. The rules are those of
// is_git_directory and validate_headref (git's setup.c, path.c).
import { readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseUrl, toLine, toShellWord } from '../../terms/text.ts';
import { ownerCure } from './processes/git-failures.ts';

/** Message and cure. */
export interface LocalFault {
  readonly message: string;
  readonly hint: string;
}

const SYMBOLIC = /^ref:\s*refs\//;
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?\s*$/i;
/** What git says of its own files. */
const BAD_FILE = /(?:bad config line \d+ in file|unexpected line in) ([^:;,\n]+)/;
const LACKS_OBJECTS =
  /not our ref|expected an object, got "\w+ missing"|bad object|bad tree object|missing (?:blob|tree|commit|necessary objects)|unable to (?:read|parse|find|stream) |corrupt|did not send all necessary objects/;

/**
 * What is wrong with the repository at an address that leads to this machine; undefined for any other, and
 * where nothing is seen. `said` is what git said.
 */
export async function findLocalFault(url: string, said: string): Promise<LocalFault | undefined> {
  const path = toPath(url);
  if (path === undefined) return undefined;
  const stats = await stat(path).catch(() => undefined);
  if (!stats) return undefined;
  const own = stats.isDirectory() ? await readLink(join(path, '.git')) : await readLink(path);
  if (own) return own.isThere ? undefined : toDanglingLink(own);
  if (!stats.isDirectory()) {
    const message = `${path}: expected a git repository, got a file`;
    return {
      message,
      hint: 'name the directory of the repository; the name of a bundle ends in .bundle',
    };
  }
  if (/dubious ownership|--add safe\.directory/.test(said)) return toForeign(path, said);
  const directory = (await isDirectory(join(path, '.git'))) ? join(path, '.git') : path;
  return (await findMissing(directory)) ?? findDamage(directory, said);
}

/** Where it lies on this machine; undefined elsewhere. */
function toPath(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  const address = /^file:/i.test(url) ? parseUrl(url) : undefined;
  try {
    return address && fileURLToPath(address);
  } catch {
    return undefined;
  }
}

/** A `.git` file: where a work tree, or a submodule, has its repository. */
interface GitLink {
  readonly file: string;
  readonly target: string;
  readonly isThere: boolean;
}

async function readLink(file: string): Promise<GitLink | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, named] = /^gitdir: (.+?)\s*$/s.exec(text) ?? [];
  if (named === undefined) return undefined;
  return { file, target: named, isThere: await isDirectory(resolve(dirname(file), named)) };
}

function toDanglingLink({ file, target }: GitLink): LocalFault {
  return {
    message: `${file}: expected the way to a git repository, got ${quote(target)}, where there is none`,
    hint: 'in the repository that it belongs to, run `git worktree repair`, or clone it again',
  };
}

function toForeign(path: string, said: string): LocalFault {
  return {
    message: `${path}: the repository belongs to another user, and git refuses to read it: detected dubious ownership`,
    hint: ownerCure(path, said),
  };
}

/** Without these, git takes a directory for no repository at all. */
async function findMissing(directory: string): Promise<LocalFault | undefined> {
  const head = await readFile(join(directory, 'HEAD'), 'utf8').catch(() => undefined);
  const lacking = [
    ...(head === undefined ? ['HEAD'] : []),
    ...((await isDirectory(join(directory, 'objects'))) ? [] : ['objects/']),
    ...((await isDirectory(join(directory, 'refs'))) ? [] : ['refs/']),
  ];
  if (lacking.length > 0) {
    const plain = directory.replace(/\/?$/, '/');
    const hint = `clone it again; or write ${toShellWord(plain)} if it is a plain directory of signatures`;
    const message = `${directory}: expected a git repository, which has HEAD, objects/ and refs/, got no ${lacking.join(' and no ')}`;
    return { message, hint };
  }
  if (head === undefined || SYMBOLIC.test(head) || COMMIT.test(head)) return undefined;
  return {
    message: `${join(directory, 'HEAD')}: expected "ref: refs/heads/BRANCH" or a commit, got ${quote(head)}`,
    hint: `if it is a repository, name its branch: \`echo 'ref: refs/heads/main' > ${toShellWord(join(directory, 'HEAD'))}\`; a plain directory of signatures must not have HEAD, objects/ and refs/ together`,
  };
}

async function findDamage(directory: string, said: string): Promise<LocalFault | undefined> {
  const [, named] = BAD_FILE.exec(said) ?? [];
  const file = named === undefined ? undefined : resolve(directory, named.trim());
  // It may be one of the user.
  if (file?.startsWith(`${directory}/`)) {
    return {
      message: `${file}: expected a file as git writes it, got a line that git cannot read`,
      hint: `mend that line or take it out, and see what \`git -C ${toShellWord(directory)} fsck\` says`,
    };
  }
  if (!LACKS_OBJECTS.test(said)) return undefined;
  const isEmpty = (await countObjects(join(directory, 'objects'))) === 0;
  const got = isEmpty ? 'none at all' : 'one without some of them';
  return {
    message: `${join(directory, 'objects')}: expected the objects of all commits, got ${got}`,
    hint: `see what \`git -C ${toShellWord(directory)} fsck\` says, and restore the repository from a clone`,
  };
}

/** Packs, and directories of loose objects. */
async function countObjects(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const packs = await readdir(join(directory, 'pack')).catch(() => []);
  return names.filter((name) => /^[0-9a-f]{2}$/.test(name)).length + packs.length;
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** The first line of a file of anybody, for people. */
function quote(text: string): string {
  const [line = ''] = text.split('\n', 1);
  return JSON.stringify(toLine(line.slice(0, MOST_QUOTED)));
}

/** Characters of a file that are shown. */
const MOST_QUOTED = 80;
