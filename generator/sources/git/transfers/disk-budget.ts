// How much a clone may take on the disk. What has come stays only if the clone is within its budget
// with it, after everything unreachable was removed where that is needed.
import { formatBytes } from '../../../terms/text.ts';
import { StateRefusedError } from '../../source.ts';
import type { CloneMaintenance } from '../clone/clone-maintenance.ts';
import { oldCloneOf, removeClone } from '../clone/clone-places.ts';
import { measureClone } from '../clone/disk-use.ts';
import { readOrigin } from '../objects/state-origin.ts';
import type { GitEnvironment } from '../processes/git-child.ts';
import type { Incoming } from './incoming.ts';

/** Unreachable objects are removed once the clone has grown to so many times its size… */
const GROWTH = 2;
/** …and to at least this size. Bytes. */
const LEAST_SIZE = 256 * 1024 ** 2;

export interface DiskBudgetOptions {
  /** Where the clone is. */
  readonly directory: string;
  readonly environment: GitEnvironment;
  /** The most that it may take. Bytes. */
  readonly budget: number;
  readonly incoming: Incoming;
  readonly maintenance: CloneMaintenance;
}

export class DiskBudget {
  readonly #options: DiskBudgetOptions;
  /** The size of the clone when it last had nothing unreachable. Bytes. */
  #cleanSize: number | undefined;

  constructor(options: DiskBudgetOptions) {
    this.#options = options;
  }

  /**
   * Makes room in the clone for what has come with a commit.
   * @throws StateRefusedError where it does not fit, whatever is removed
   */
  async makeRoom(commit: string): Promise<void> {
    const { budget, incoming, maintenance } = this.#options;
    const added = await incoming.size();
    const size = await this.#measure();
    // Nothing in a first clone is unreachable.
    this.#cleanSize ??= size + added;
    const isGrown = size > Math.max(GROWTH * this.#cleanSize, LEAST_SIZE);
    const excess = size + added - budget;
    if (!isGrown && excess <= 0) return;
    if (excess > 0) await this.#removeOldClone(excess);
    await maintenance.prune();
    this.#cleanSize = await this.#measure();
    const needed = this.#cleanSize + added;
    if (needed > budget) throw await this.#refuse(commit, needed);
  }

  /** The bytes of the clone, and of the old one that is kept until this one is published. */
  async #measure(): Promise<number> {
    const { directory } = this.#options;
    const inUse = await measureClone(directory);
    const old = await measureClone(oldCloneOf(directory));
    return inUse.bytes + old.bytes;
  }

  /** It may be the last copy of what is published, and goes only if that makes enough room. */
  async #removeOldClone(excess: number): Promise<void> {
    const old = oldCloneOf(this.#options.directory);
    if ((await measureClone(old)).bytes >= excess) await removeClone(old);
  }

  async #refuse(commit: string, needed: number): Promise<StateRefusedError> {
    const { directory, budget, incoming } = this.#options;
    const environment = { ...this.#options.environment, ...incoming.environment() };
    return new StateRefusedError(
      `with the newest state the clone would take ${formatBytes(needed)} on the disk, above its budget of ${formatBytes(budget)}`,
      await readOrigin(directory, environment, commit),
      'raise --max-disk if that is intended; otherwise find out who pushed what',
    );
  }
}
