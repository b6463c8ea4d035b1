// Takes what a remote sends into the clone: all of it or nothing. See incoming.ts for where it waits
// until it is complete.
import { formatBytes } from '../../../terms/text.ts';
import { SourceError, StateRefusedError } from '../../source.ts';
import type { CloneRefs } from '../clone/clone-refs.ts';
import { isPartial, markPacks } from '../clone/partial-clone.ts';
import type { RestartingRunner } from '../processes/restarting-runner.ts';
import { GitLimitError } from '../processes/running-git.ts';
import type { DiskBudget } from './disk-budget.ts';
import type { Incoming } from './incoming.ts';

/** How often a running transfer is measured. Milliseconds. */
const MEASURE_EVERY = 500;

export interface ReceiverOptions {
  /** Where the clone is. */
  readonly directory: string;
  /** Runs the transfers, and is stopped where one brings too much. */
  readonly git: RestartingRunner;
  readonly incoming: Incoming;
  readonly refs: CloneRefs;
  /** The most that one transfer may bring. Bytes. */
  readonly budget: number;
  readonly diskBudget: DiskBudget;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /**
   * Runs `bring`, which has git write objects, and moves them into the clone; one after another.
   * Gives the commit that `bring` gives; where it gives none, nothing is moved.
   * @throws StateRefusedError where a budget is exceeded; otherwise as `bring` does
   */
  async receive<Commit extends string | undefined>(bring: () => Promise<Commit>): Promise<Commit> {
    const received = this.#previous.then(async () => this.#receive(bring));
    this.#previous = received.catch(() => undefined);
    return received;
  }

  async #receive<Commit extends string | undefined>(bring: () => Promise<Commit>): Promise<Commit> {
    const { git, incoming, budget } = this.#options;
    if (!(await incoming.hasClone())) throw new SourceError('the clone has lost its objects');
    await incoming.empty();
    // The index of a pack may be as large as the pack.
    const watch = new SizeWatch(incoming, 2 * budget, git);
    try {
      const commit = await bring();
      if (commit !== undefined) await this.#accept(commit);
      return commit;
    } catch (error) {
      const isFileTooLarge = error instanceof GitLimitError && error.limit === 'fileSize';
      throw watch.isExceeded || isFileTooLarge ? refuseTransfer(budget) : error;
    } finally {
      watch.stop();
      // Where this fails, the next transfer fails too, and says why.
      await incoming.empty().catch(() => undefined);
    }
  }

  async #accept(commit: string): Promise<void> {
    const { directory, incoming, refs, diskBudget } = this.#options;
    await diskBudget.makeRoom(commit);
    refs.syncLater(await incoming.accept());
    if (await isPartial(directory)) await markPacks(directory);
  }
}

/** Git stops at once at the limit of one file; that many files are too much together is seen here. */
class SizeWatch {
  readonly #incoming: Incoming;
  readonly #most: number;
  readonly #git: RestartingRunner;
  readonly #timer: NodeJS.Timeout;
  #isExceeded = false;
  #size = 0;

  constructor(incoming: Incoming, most: number, git: RestartingRunner) {
    this.#incoming = incoming;
    this.#most = most;
    this.#git = git;
    this.#timer = setInterval(() => void this.#measure(), MEASURE_EVERY).unref();
  }

  get isExceeded(): boolean {
    return this.#isExceeded;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #measure(): Promise<void> {
    const size = await this.#incoming.size();
    // Without a terminal, git may say nothing of a transfer that goes on.
    if (size > this.#size) this.#git.noteLife();
    this.#size = size;
    if (size <= this.#most || this.#isExceeded) return;
    this.#isExceeded = true;
    this.#git.kill();
  }
}

function refuseTransfer(budget: number): StateRefusedError {
  return new StateRefusedError(
    `the newest state brings more than ${formatBytes(budget)} of objects, which is the budget of a transfer`,
    {},
    'raise --max-transfer if that is intended; otherwise find out who pushed what',
  );
}
