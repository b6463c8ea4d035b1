import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type GitHttp, type GitHttpOptions, serveGitHttp } from './git-http.ts';
import { runOrThrow } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

/** Files by path: what they shall hold, or null to remove them. */
export type Changes = Readonly<Record<string, string | Uint8Array | null>>;

export interface GitRemote {
  /** The bare repository, `…/signatures.git`. */
  readonly path: string;
  /** The same as `file://…`. */
  readonly fileUrl: string;
  /** The clone that commits are made in. */
  readonly work: string;
  /** Commits all that changed in the clone, these changes too; returns the commit. */
  readonly commit: (changes?: Changes, message?: string) => Promise<string>;
  /** Pushes the clone's branch, with arguments such as `--force`. */
  readonly push: (...args: readonly string[]) => Promise<void>;
  /** `commit` and `push`; returns the commit. */
  readonly publish: (changes: Changes) => Promise<string>;
  /** Runs git in the clone; returns what it printed, without the last newline. Throws on failure. */
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** The same in the bare repository. */
  readonly gitBare: (...args: readonly string[]) => Promise<string>;
  /** Serves it over smart HTTP as well, until `remove`. */
  readonly serveHttp: (options?: GitHttpOptions) => Promise<GitHttp>;
  /** Remembers both as they are; returns what puts them back, which takes no process. */
  readonly remember: () => Promise<() => Promise<void>>;
  readonly remove: () => Promise<void>;
}

/** Git without the settings of who runs the tests. */
const GIT_ENV = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Author',
  GIT_AUTHOR_EMAIL: 'author@example.test',
  GIT_COMMITTER_NAME: 'Author',
  GIT_COMMITTER_EMAIL: 'author@example.test',
};

/** What takes time and no test looks at: looking for garbage, waiting for the disk, packing tightly. */
const QUICKLY = [
  'gc.auto=0',
  'receive.autogc=false',
  'maintenance.auto=false',
  'core.fsync=none',
  'core.looseCompression=0',
  'pack.compression=1',
  // What is pushed stays in the pack in which it came, which is sent again as it is.
  'receive.unpackLimit=1',
];
const [BARE, WORK] = ['signatures.git', 'checkout'];

/** A bare repository and a clone of it as git makes them: copied, they take no process. */
let template: Promise<string> | undefined;

/** Makes an empty bare repository with the branch `main`, and a clone of it. */
export async function makeGitRemote(branch = 'main'): Promise<GitRemote> {
  const root = await makeTemporary();
  const path = join(root, BARE);
  const work = join(root, WORK);
  const servers: GitHttp[] = [];
  const copies: string[] = [];
  const git = (...args: readonly string[]) => gitIn(work, args);
  await cp(await (template ??= makeTemplate()), root, { recursive: true });
  for (const head of [join(path, 'HEAD'), join(work, '.git/HEAD')]) {
    await writeFile(head, `ref: refs/heads/${branch}\n`);
  }

  async function commit(changes: Changes = {}, message = 'Change signatures'): Promise<string> {
    for (const [name, content] of Object.entries(changes)) {
      const file = join(work, name);
      await mkdir(dirname(file), { recursive: true });
      await (content === null ? rm(file) : writeFile(file, content));
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', message);
    return readHead(join(work, '.git'));
  }
  const push = async (...args: readonly string[]) => {
    await git('push', '--quiet', ...args, 'origin', `HEAD:refs/heads/${branch}`);
  };

  return {
    path,
    fileUrl: pathToFileURL(path).href,
    work,
    commit,
    push,
    git,
    gitBare: (...args) => gitIn(path, args),
    async publish(changes) {
      const id = await commit(changes);
      await push();
      return id;
    },
    async serveHttp(options) {
      const server = await serveGitHttp(path, options);
      servers.push(server);
      return server;
    },
    async remember() {
      const copy = await makeTemporary();
      for (const name of [BARE, WORK]) {
        await cp(join(root, name), join(copy, name), { recursive: true });
      }
      copies.push(copy);
      return async () => {
        for (const name of [BARE, WORK]) {
          await rm(join(root, name), { recursive: true });
          await cp(join(copy, name), join(root, name), { recursive: true });
        }
      };
    },
    async remove() {
      await Promise.all(copies.map(removeTemporary));
      await Promise.all(servers.map((server) => server.down()));
      await removeTemporary(root);
    },
  };
}

async function makeTemplate(): Promise<string> {
  const root = await makeTemporary();
  // Without the samples of hooks.
  const init = ['init', '--quiet', '--template='];
  await gitIn(root, [...init, '--bare', BARE]);
  await gitIn(root, [...init, WORK]);
  await gitIn(join(root, WORK), ['remote', 'add', 'origin', join('..', BARE)]);
  for (const directory of [BARE, WORK]) {
    for (const setting of QUICKLY) {
      await gitIn(join(root, directory), ['config', ...setting.split('=')]);
    }
  }
  return root;
}

/** The commit that was just made on the branch of a repository. */
async function readHead(repository: string): Promise<string> {
  const read = async (name: string) => (await readFile(join(repository, name), 'utf8')).trimEnd();
  const head = await read('HEAD');
  return head.startsWith('ref: ') ? read(head.slice('ref: '.length)) : head;
}

async function gitIn(cwd: string, args: readonly string[]): Promise<string> {
  const { stdout } = await runOrThrow('git', args, { cwd, env: GIT_ENV });
  return stdout.replace(/\n$/, '');
}
