/**
 * A directory that is all of a program's PATH: the tools that it needs, each of which a test can
 * break, take away and put back while the program runs.
 */
import { accessSync, constants } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** What Lookaside, git and git's own scripts start. */
const NAMES = [
  'basename',
  'bash',
  'cat',
  'chmod',
  'cut',
  'date',
  'dirname',
  'env',
  'expr',
  'false',
  'git',
  'gpgv',
  'grep',
  'head',
  'ionice',
  'kill',
  'ls',
  'mkdir',
  'mv',
  'nice',
  'node',
  'nsenter',
  'printf',
  'ps',
  'rm',
  'sed',
  'setsid',
  'sh',
  'sleep',
  'sort',
  'ssh',
  'tail',
  'taskset',
  'test',
  'touch',
  'tr',
  'true',
  'uname',
  'wc',
  'xargs',
] as const;

export class Toolbox {
  /** The directory; give it as PATH. */
  readonly path: string;
  readonly #real = new Map<string, string>();
  #count = 0;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the directory, with a link to each tool that this machine has. */
  static async make(path: string): Promise<Toolbox> {
    await mkdir(path, { recursive: true });
    const toolbox = new Toolbox(path);
    for (const name of NAMES) {
      const real = findOnPath(name);
      if (real === undefined) continue;
      toolbox.#real.set(name, real);
      await toolbox.restore(name);
    }
    return toolbox;
  }

  /** Where this machine has a tool. Throws where it has none. */
  real(name: string): string {
    const path = this.#real.get(name);
    if (path === undefined) throw new Error(`${name} is not installed`);
    return path;
  }

  /** Puts a shell script in the place of a tool, in one step. */
  async replace(name: string, script: string): Promise<void> {
    const temporary = this.#temporary();
    await writeFile(temporary, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await rename(temporary, join(this.path, name));
  }

  /** Takes a tool away. */
  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
  }

  /** Puts the real tool back, in one step. */
  async restore(name: string): Promise<void> {
    const temporary = this.#temporary();
    await symlink(this.real(name), temporary);
    await rename(temporary, join(this.path, name));
  }

  #temporary(): string {
    return join(this.path, `.new-${this.#count++}`);
  }
}

/** What git can do instead of working. */
export const BROKEN_GITS = {
  fails: 'echo "fatal: this git is broken" >&2; exit 128',
  'is silent and fails': 'exit 1',
  hangs: 'exec sleep 3600',
  'talks without end': 'while :; do echo "a line of no use"; done',
  'is killed': 'kill -9 $$',
} as const;

function findOnPath(name: string): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: look on.
    }
  }
  return undefined;
}
