// The packs of a clone. Packs stay packs: 8 MB on the wire can be 2 GB of loose objects. So each push
// adds a pack, and now and then the small ones are combined.
import { SourceError } from '../../source.ts';
import { type GitEnvironment, GitKilledError } from '../processes/git-child.ts';
import { toGitError } from '../processes/git-error.ts';
import { RestartingRunner } from '../processes/restarting-runner.ts';
import type { GitLimits } from '../processes/running-git.ts';
import { type CloneRefs, FETCHED } from './clone-refs.ts';
import { measureClone } from './disk-use.ts';
import {
  ensurePlain,
  isPartial,
  listPacks,
  markPacks,
  packArguments,
  packPath,
  removePacks,
} from './partial-clone.ts';

/** Packing a million objects takes minutes, and git prints nothing meanwhile. Milliseconds. */
const PACKING_TIME = 60 * 60_000;
const PACKING_LIMITS: Partial<GitLimits> = { silence: PACKING_TIME, deadline: PACKING_TIME };
/** With more packs than this, finding an object gets slow. */
const MOST_PACKS = 24;
/** The same for loose objects, as earlier versions kept them. */
const MOST_LOOSE = 6000;
/** What `git pack-objects` prints of the pack that it made. */
const PACK_HASH = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** Repacks in the background, and removes what is unreachable. */
export class CloneMaintenance {
  readonly #directory: string;
  readonly #refs: CloneRefs;
  readonly #ending: AbortSignal | undefined;
  readonly #git: RestartingRunner;
  #repacking: Promise<void> | undefined;
  #failure: Error | undefined;

  /** For the clone at `directory`; `ending` stops what runs. */
  constructor(
    directory: string,
    environment: GitEnvironment,
    refs: CloneRefs,
    ending: AbortSignal | undefined,
  ) {
    this.#directory = directory;
    this.#refs = refs;
    this.#ending = ending;
    const located = { ...environment, GIT_DIR: directory };
    this.#git = new RestartingRunner(located, { limits: PACKING_LIMITS, ending });
  }

  /** Combines packs where there are many, in the background. Rejects if that failed the last time. */
  async repackLater(): Promise<void> {
    this.#repacking ??= this.#repackIfNeeded();
    const error = this.#failure;
    this.#failure = undefined;
    if (error) throw error;
  }

  /** Removes what can be reached neither from the newest commit nor from the published one. */
  async prune(): Promise<void> {
    await this.#repacking;
    // A clone that has lost its refs would lose all its objects.
    if (!(await this.#refs.has(FETCHED))) return;
    // The caller measures what is left: where nothing could be removed, that is answer enough.
    await this.#removeUnreachable().catch(() => undefined);
  }

  /** Stops what runs in the background: the clone is about to be replaced. */
  async stop(): Promise<void> {
    this.#git.kill();
    await this.#repacking;
  }

  /** Waits for what runs in the background: a command that ends at once has no other time to repack. */
  async close(): Promise<void> {
    await this.#repacking;
    await this.#git.close();
  }

  async #repackIfNeeded(): Promise<void> {
    try {
      const { packs, loose } = await measureClone(this.#directory);
      if (packs > MOST_PACKS || loose > MOST_LOOSE) await this.#repack();
    } catch (error) {
      const isStopped = this.#ending?.aborted || error instanceof GitKilledError;
      if (!isStopped) this.#failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#repacking = undefined;
    }
  }

  /**
   * Leaves each pack at least twice as large as all smaller ones together, so an object is written
   * again as often as the clone has doubled. What is unreachable stays in packs.
   */
  async #repack(): Promise<void> {
    const command = ['repack', '--geometric=2', '-d', '-q'];
    if (!(await isPartial(this.#directory))) {
      await this.#run(command);
      return;
    }
    await this.#run([`--git-dir=${await ensurePlain(this.#directory)}`, ...command]);
    await markPacks(this.#directory);
  }

  async #removeUnreachable(): Promise<void> {
    if (await isPartial(this.#directory)) await this.#pruneMarkedPacks();
    else await this.#run(['gc', '--prune=now', '--quiet']);
  }

  /** `git gc` removes nothing from the packs of a partial clone. */
  async #pruneMarkedPacks(): Promise<void> {
    const before = await listPacks(this.#directory);
    const printed = await this.#run(packArguments(packPath(this.#directory), '--all'));
    const name = printed.trim();
    if (!PACK_HASH.test(name)) throw new SourceError('git pack-objects has made no pack');
    await markPacks(this.#directory);
    await removePacks(this.#directory, before, name);
    // `plain` has no refs, so every loose object goes: those that are needed are in the new pack.
    const plain = await ensurePlain(this.#directory);
    await this.#run([`--git-dir=${plain}`, 'prune', '--expire=now']);
  }

  /** Gives what git printed. */
  async #run(args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#git.run(args);
    if (exitCode === 0) return stdout;
    throw toGitError(args.find((one) => !one.startsWith('-')) ?? '', stderr);
  }
}
