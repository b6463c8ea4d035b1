// The user's own git, with the user's configuration and credentials: ssh agent, credential helpers,
// proxies, who commits and with which key. It works in a scratch repository of ours, so what ties it to
// another repository is taken out of the environment, and nothing else.
//
// In a partial clone any git command may fetch what it misses, with the server's idea of what belongs to
// it: that may be every directory there is. Only commands that are to talk to the remote can; any other
// that misses something fails.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TreePlace } from '../../generator/proposal/file-changes.ts';
import { CatFile } from '../../generator/sources/git/objects/cat-file.ts';
import {
  type RemoteAccess,
  accessVariables,
} from '../../generator/sources/git/processes/git-environment.ts';
import { assertGitVersion } from '../../generator/sources/git/processes/git-version.ts';
import { toSshCommand } from '../../generator/sources/git/processes/ssh-command.ts';
import { tokenSettings } from '../../generator/sources/git/processes/token-settings.ts';
import { ProcessLimitError } from '../../generator/system/process-limits.ts';
import { runProcess } from '../../generator/system/run-process.ts';
import { toShellWord } from '../../generator/terms/text.ts';
import { RepositoryError, toRepositoryError } from './repository-error.ts';

/** As `git rev-parse --local-env-vars` lists them, but for settings, which are the user's. */
const TIES: ReadonlySet<string> = new Set([
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_CONFIG',
  'GIT_DIR',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_NAMESPACE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_QUARANTINE_PATH',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_WORK_TREE',
]);

/** Hooks of the user are for their own repositories, and what git says is read without colours. */
const PLAINLY: readonly string[] = [
  'core.hooksPath=/dev/null',
  'color.ui=false',
  'color.push=false',
  'color.remote=false',
  'color.transport=false',
].flatMap((setting) => ['-c', setting]);

const MINUTE = 60_000;
/** What talks to a remote tells of its progress; where people are asked, they may take their time. */
const SILENCE = 2 * MINUTE;
const DEADLINE = 60 * MINUTE;
/** All refs of a remote, at worst. Bytes. */
const MOST_OUTPUT = 256 * 1024 ** 2;
const MOST_COMPLAINT = 16 * 1024 ** 2;

export interface UserGitOptions {
  /** That of the program. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether there is a terminal at which git may ask for a password. */
  readonly hasTerminal: boolean;
  /** How the remote lets git in, where that is not as the user has it. */
  readonly access?: RemoteAccess | undefined;
  /** How long a remote may say nothing, in milliseconds. Default: two minutes. */
  readonly patience?: number;
  /** Stops what runs. */
  readonly ending?: AbortSignal | undefined;
}

/** A password that was typed is kept in memory while it is of use, and no longer than this. Seconds. */
const REMEMBERED = 900;

/** How a git ended. */
export interface UserGitResult {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** The end of what it wrote for people. */
  readonly stderr: string;
}

/** What one git may do. */
export interface UserGitCall {
  /** What it reads. */
  readonly input?: Uint8Array;
  /** Whether it may talk to a remote. */
  readonly isRemote?: boolean;
  /** For git itself, in front of the command. */
  readonly settings?: readonly string[];
}

interface GitStart extends Pick<UserGitCall, 'isRemote' | 'input'> {
  /** Whether it runs also after everything else was stopped. */
  readonly isCleanup?: boolean;
}

export class UserGit {
  readonly #options: UserGitOptions;
  readonly #environment: Record<string, string>;
  #settings: readonly string[];
  /** Of the process that keeps passwords in memory; undefined where nobody is asked. */
  #socket: string | undefined;
  /** Variables that say which ssh git runs. */
  #ssh: Promise<Readonly<Record<string, string>>> | undefined;

  constructor(options: UserGitOptions) {
    const { environment, hasTerminal, access = {} } = options;
    this.#options = options;
    const kept = Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || TIES.has(name) ? [] : [[name, value] as const],
    );
    this.#environment = {
      ...Object.fromEntries(kept),
      // What git says is read by cures that know its English.
      LC_ALL: 'C',
      GIT_NO_LAZY_FETCH: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      ...(!hasTerminal && { GIT_TERMINAL_PROMPT: '0' }),
      ...accessVariables(access),
    };
    const settings = access.token ? tokenSettings(access.token.url) : [];
    this.#settings = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  }

  /**
   * Sees that there is a git, and that it is new enough.
   * @throws SourceError
   */
  async assertVersion(): Promise<void> {
    await assertGitVersion(this.#environment, this.#options.ending);
  }

  /**
   * Has git ask people once, not for each of the steps that talk to the remote: what they type is kept in
   * the memory of a process until `close`. Its socket lies in a new directory at `path`.
   */
  async rememberPasswords(path: string): Promise<void> {
    if (!this.#options.hasTerminal) return;
    await mkdir(path, { mode: 0o700 });
    this.#socket = join(path, 'socket');
    const helper = `cache --timeout ${REMEMBERED} --socket ${toShellWord(this.#socket)}`;
    this.#settings = [...this.#settings, '-c', `credential.helper=${helper}`];
  }

  /** Forgets passwords. `directory` is a git directory. */
  async close(directory: string): Promise<void> {
    if (this.#socket === undefined) return;
    const words = ['--git-dir', directory, 'credential-cache', '--socket', this.#socket, 'exit'];
    await this.#start('credential-cache', words, directory, { isCleanup: true });
    this.#socket = undefined;
  }

  /**
   * Runs `git ARGS`, which begin with a command, on a git directory.
   * @throws RepositoryError where it says nothing for too long
   */
  async run(
    directory: string,
    args: readonly [string, ...string[]],
    { input, isRemote = false, settings = [] }: UserGitCall = {},
  ): Promise<UserGitResult> {
    const credentials = isRemote ? this.#settings : [];
    const words = ['--git-dir', directory, ...PLAINLY, ...credentials, ...settings, ...args];
    return this.#start(args[0], words, directory, { isRemote, ...(input && { input }) });
  }

  /**
   * The same for a git that has to succeed; gives what it prints.
   * @throws RepositoryError with what it says.
   */
  async print(
    directory: string,
    args: readonly [string, ...string[]],
    call: UserGitCall = {},
  ): Promise<Buffer> {
    const { exitCode, stdout, stderr } = await this.run(directory, args, call);
    if (exitCode !== 0) throw toRepositoryError(args[0], stderr);
    return stdout;
  }

  /**
   * Where a repository on this machine, with a working copy or without, keeps its objects.
   * @throws RepositoryError
   */
  async findObjects(path: string): Promise<string> {
    // Whoever names a repository means it, also where git is told to find none by itself.
    const settings = ['-c', 'safe.bareRepository=all'];
    const words = ['rev-parse', '--path-format=absolute', '--git-path', 'objects'];
    const { exitCode, stdout, stderr } = await this.#start(
      'rev-parse',
      [...settings, ...words],
      path,
    );
    if (exitCode !== 0) throw toRepositoryError('rev-parse', stderr);
    return stdout.toString().trimEnd();
  }

  /**
   * Whether a repository on this machine refuses pushes to a ref because that is checked out there, by
   * `receive.denyCurrentBranch`; false where it cannot be asked.
   */
  async isKeptByCheckout(path: string, ref: string): Promise<boolean> {
    const ask = async (...words: [string, ...string[]]): Promise<UserGitResult> =>
      this.#start(words[0], ['-c', 'safe.bareRepository=all', ...words], path);
    const trees = await ask('worktree', 'list', '--porcelain');
    if (!trees.stdout.toString().split('\n').includes(`branch ${ref}`)) return false;
    const { stdout } = await ask('config', '--get', 'receive.denyCurrentBranch');
    const action = stdout.toString().trim();
    return !/^(?:ignore|warn|updateInstead|false|no|off|0)$/i.test(action);
  }

  /** Where a git directory is listed; its objects must be there. */
  placeOf(directory: string): TreePlace {
    const { ending } = this.#options;
    return { directory, environment: this.#aloneEnvironment(), ending };
  }

  /** Opens a reader of objects, which must be there. */
  openObjects(directory: string): CatFile {
    return new CatFile(directory, this.#aloneEnvironment(), '--batch');
  }

  async #start(
    command: string,
    words: readonly string[],
    directory: string,
    { isRemote = false, isCleanup = false, input }: GitStart = {},
  ): Promise<UserGitResult> {
    const { hasTerminal, ending, patience = SILENCE } = this.#options;
    const limits = {
      silence: isRemote && !hasTerminal ? patience : DEADLINE,
      deadline: DEADLINE,
      stdout: MOST_OUTPUT,
      stderr: MOST_COMPLAINT,
    };
    const options = {
      environment: isRemote
        ? { ...this.#environment, ...(await (this.#ssh ??= this.#findSsh(directory))) }
        : this.#aloneEnvironment(),
      directory,
      limits,
      ending: isCleanup ? undefined : ending,
      asksPeople: hasTerminal,
      ...(input && { input }),
    };
    try {
      return await runProcess(`git ${command}`, ['git', ...words], options);
    } catch (cause) {
      if (!(cause instanceof ProcessLimitError) || cause.limit !== 'silence') throw cause;
      const hint =
        'the host does not answer, or git waits for a credential helper or ssh: see what `git ls-remote REPO` does, or wait longer with --timeout';
      throw new RepositoryError(cause.message, { hint, cause });
    }
  }

  /** The ssh of the user, as git looks for it, with limits of time. */
  async #findSsh(directory: string): Promise<Readonly<Record<string, string>>> {
    const { access = {}, hasTerminal } = this.#options;
    const { GIT_SSH_COMMAND, GIT_SSH, GIT_SSH_VARIANT, SSH_ASKPASS } = this.#environment;
    const words = ['config', '--get', 'core.sshCommand'];
    const { stdout } = await this.#start('config', words, directory);
    const user = {
      command: GIT_SSH_COMMAND ?? (stdout.toString().trimEnd() || undefined),
      program: GIT_SSH,
      variant: GIT_SSH_VARIANT,
      asksPeople: hasTerminal || SSH_ASKPASS !== undefined,
    };
    const command = toSshCommand(user, access);
    return command === undefined ? {} : { GIT_SSH_COMMAND: command };
  }

  #aloneEnvironment(): Record<string, string> {
    return { ...this.#environment, GIT_ALLOW_PROTOCOL: '' };
  }
}
