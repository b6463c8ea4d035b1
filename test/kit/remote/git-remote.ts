import { mkdir, rm, writeFile } from 'node:fs/promises';
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

/** Makes an empty bare repository with the branch `main`, and a clone of it. */
export async function makeGitRemote(branch = 'main'): Promise<GitRemote> {
  const root = await makeTemporary();
  const path = join(root, 'signatures.git');
  const work = join(root, 'checkout');
  const servers: GitHttp[] = [];
  const git = (...args: readonly string[]) => gitIn(work, args);
  await gitIn(root, ['init', '--quiet', '--bare', '--initial-branch', branch, path]);
  await gitIn(root, ['init', '--quiet', '--initial-branch', branch, work]);
  await git('remote', 'add', 'origin', path);

  async function commit(changes: Changes = {}, message = 'Change signatures'): Promise<string> {
    for (const [name, content] of Object.entries(changes)) {
      const file = join(work, name);
      await mkdir(dirname(file), { recursive: true });
      await (content === null ? rm(file) : writeFile(file, content));
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', message);
    return git('rev-parse', 'HEAD');
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
    async remove() {
      await Promise.all(servers.map((server) => server.down()));
      await removeTemporary(root);
    },
  };
}

async function gitIn(cwd: string, args: readonly string[]): Promise<string> {
  const { stdout } = await runOrThrow('git', args, { cwd, env: GIT_ENV });
  return stdout.replace(/\n$/, '');
}
