// A clone together with everything that works on it: what its remote is asked, what is transferred into
// it, and its maintenance. Commands go to two shells that were started while this process was small: one
// for what a refresh waits for, one for what takes long.
import { type Budgets, DEFAULT_BUDGETS } from '../../terms/budgets.ts';
import { CloneMaintenance } from './clone/clone-maintenance.ts';
import { oldCloneOf, removeClone } from './clone/clone-places.ts';
import { CloneRefs, FETCHED, PUBLISHED } from './clone/clone-refs.ts';
import type { GitEnvironment } from './processes/git-child.ts';
import { RestartingRunner } from './processes/restarting-runner.ts';
import { DiskBudget } from './transfers/disk-budget.ts';
import { Incoming } from './transfers/incoming.ts';
import { Receiver } from './transfers/receiver.ts';
import { RemoteRefs } from './transfers/remote-refs.ts';
import { TRANSFER_DEADLINES, type TransferDeadlines, Transfers } from './transfers/transfers.ts';

export interface GitCloneOptions {
  /** Anything that git fetches from. */
  readonly url: string;
  /** Whether that is the path of a bundle. */
  readonly isBundle?: boolean | undefined;
  readonly environment: GitEnvironment;
  /** What a pusher may cost; DEFAULT_BUDGETS if left out. */
  readonly budgets?: Budgets | undefined;
  /** TRANSFER_DEADLINES if left out. */
  readonly deadlines?: TransferDeadlines;
  /** Stops what runs. */
  readonly ending: AbortSignal | undefined;
}

export class GitClone {
  /** Asks the remote, and needs no clone for that. */
  readonly remote: RemoteRefs;
  readonly transfers: Transfers;
  readonly maintenance: CloneMaintenance;
  readonly #directory: string;
  readonly #git: RestartingRunner;
  readonly #refs: CloneRefs;

  /** For the clone at `directory`, whatever is there. */
  constructor(directory: string, options: GitCloneOptions) {
    const { url, isBundle = false, environment, budgets = DEFAULT_BUDGETS, ending } = options;
    const { deadlines = TRANSFER_DEADLINES } = options;
    const incoming = new Incoming(directory);
    const git = new RestartingRunner(
      { ...environment, GIT_DIR: directory, ...incoming.environment() },
      { ending, prepare: async () => incoming.ensure() },
    );
    const refs = new CloneRefs(git);
    const maintenance = new CloneMaintenance(directory, environment, refs, ending);
    const common = { directory, environment, git, incoming, refs };
    const diskBudget = new DiskBudget({ ...common, budget: budgets.disk, maintenance });
    const receiver = new Receiver({ ...common, budget: budgets.transfer, diskBudget });
    this.#directory = directory;
    this.#git = git;
    this.#refs = refs;
    this.maintenance = maintenance;
    this.remote = new RemoteRefs(url, isBundle, git);
    this.transfers = new Transfers({
      ...common,
      url,
      isBundle,
      receiver,
      budget: budgets.transfer,
      deadlines,
      ending,
    });
  }

  /** Protects the newest commit and the published one; both must be whole. */
  async protect(newest: string, published: string): Promise<void> {
    await this.#refs.set(FETCHED, newest);
    await this.#refs.set(PUBLISHED, published);
    await removeClone(oldCloneOf(this.#directory));
  }

  /** Lets lookups go before what follows. Packing is not bound to it. */
  giveWay(): void {
    this.#git.stayOnOneProcessor();
  }

  /** Gives up a remote that says nothing for so long, in milliseconds, until told undefined. */
  hurry(silence: number | undefined): void {
    this.#git.hurry(silence);
  }

  /** Waits for what runs, and ends both shells. */
  async close(): Promise<void> {
    await Promise.all([this.#git.close(), this.maintenance.close()]);
  }
}
