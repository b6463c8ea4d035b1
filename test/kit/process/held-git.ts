import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { toolPath } from '../../with-tools.ts';

/**
 * A git that gives no file's content (`cat-file --batch`) before it is let go, or its directory is removed.
 * The tree of directories comes at once.
 */
export class HeldGit {
  /** With it at first; to be given to a program. */
  readonly searchPath: string;
  readonly #gate: string;

  private constructor(bin: string, gate: string) {
    this.searchPath = `${bin}${delimiter}${process.env['PATH']}`;
    this.#gate = gate;
  }

  /** Puts it below a directory. */
  static async make(directory: string): Promise<HeldGit> {
    const [bin, gate] = [join(directory, 'held-git'), join(directory, 'held-git-goes-on')];
    await mkdir(bin);
    const git = toolPath('git');
    // The first two words are --git-dir and its path.
    const script = `#!/bin/sh
case "$*" in *"cat-file --batch") ;; *) exec ${git} "$@" ;; esac
while IFS= read -r object; do
  if [ "$(${git} "$1" "$2" cat-file -t "$object")" = blob ]; then
    while [ -d '${bin}' ] && [ ! -e '${gate}' ]; do sleep 0.1; done
  fi
  echo "$object"
done | ${git} "$@"
`;
    await writeFile(join(bin, 'git'), script, { mode: 0o755 });
    return new HeldGit(bin, gate);
  }

  async letGo(): Promise<void> {
    await writeFile(this.#gate, '');
  }
}
