// The two refs of a clone. They protect commits from `git gc`, and tell the next start where to go on.
import { syncPath } from '../../../system/durable.ts';
import { toGitError } from '../processes/git-error.ts';
import type { RestartingRunner } from '../processes/restarting-runner.ts';
import { passOver } from './clone-places.ts';

/** The newest commit of the branch. */
export const FETCHED = 'refs/lookaside/fetched';
/** The commit that was published last. */
export const PUBLISHED = 'refs/lookaside/published';

export class CloneRefs {
  readonly #git: RestartingRunner;
  /** What has come and may not be on the disk yet. */
  readonly #unsynced = new Set<string>();

  constructor(git: RestartingRunner) {
    this.#git = git;
  }

  /** Whether a ref leads to an object. */
  async has(name: string): Promise<boolean> {
    const { exitCode } = await this.#git.run(['rev-parse', '--verify', '--quiet', name]);
    return exitCode === 0;
  }

  /** Files and directories to sync before the next ref is set: nothing that is served waits for that. */
  syncLater(paths: readonly string[]): void {
    for (const path of paths) this.#unsynced.add(path);
  }

  /**
   * Points a ref at a commit, once everything that has come is on the disk.
   * @throws SourceError where git cannot write it
   */
  async set(name: string, commit: string): Promise<void> {
    for (const path of this.#unsynced) {
      // A pack that is gone was repacked, and git has synced the new one.
      await syncPath(path).catch(passOver('ENOENT'));
    }
    this.#unsynced.clear();
    const { exitCode, stderr } = await this.#git.run(['update-ref', name, commit]);
    if (exitCode !== 0) throw toGitError('update-ref', stderr);
  }
}
