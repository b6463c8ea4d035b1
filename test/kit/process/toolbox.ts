/**
 * A directory that is all of a program's PATH: the tools that it needs, each of which a test can
 * break, take away and put back while the program runs.
 */
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export class Toolbox {
  /** The directory; give it as PATH. */
  readonly path: string;
  readonly #real = new Map<string, string>();
  #count = 0;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the directory, with a link to whatever is on the PATH of the tests. */
  static async make(path: string): Promise<Toolbox> {
    await mkdir(path, { recursive: true });
    const toolbox = new Toolbox(path);
    for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
      for (const name of await readdir(directory).catch(() => [])) {
        // The first of a name is the one that is found.
        if (toolbox.#real.has(name)) continue;
        toolbox.#real.set(name, join(directory, name));
        await symlink(join(directory, name), join(path, name));
      }
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

  /** Has git misbehave until `restore`. */
  async breakGit(how: BrokenGit): Promise<void> {
    const note = `echo $$ >> '${this.#started}'`;
    await this.replace('git', `${note}\n${BROKEN_GITS[how]}`);
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

  /** Kills what still runs of the gits that misbehave. */
  async killBrokenGits(): Promise<void> {
    const started = await readFile(this.#started, 'utf8').catch(() => '');
    await rm(this.#started, { force: true });
    for (const pid of started.split('\n').filter(Boolean).map(Number)) {
      // The number may be another process's by now, but for one that is in this directory's care.
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      if (
        environment.split('\0').some((each) => each.startsWith('PATH=') && each.endsWith(this.path))
      )
        kill(pid);
    }
  }

  get #started(): string {
    return join(this.path, '.started');
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
export type BrokenGit = keyof typeof BROKEN_GITS;

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
