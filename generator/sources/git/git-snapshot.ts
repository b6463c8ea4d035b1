import { ObjectMissingError } from './objects/cat-file.ts';
import { flattenBatches } from '../flatten-batches.ts';
import type { GitObjects } from './objects/git-objects.ts';
import { LeftOutError } from './objects/left-out.ts';
import { GitKilledError } from './processes/git-child.ts';
import {
  type Entry,
  type Snapshot,
  type SnapshotTree,
  SourceError,
  type StateOrigin,
  StateRefusedError,
} from '../source.ts';
import { BUDGET_HINT } from '../state-budget.ts';
import type { Refuse, TreeStates } from './objects/tree-states.ts';

export interface GitSnapshotOptions {
  readonly commit: string;
  /** The object name of the published tree. */
  readonly tree: string;
  /** The tree of another snapshot of the same source. */
  readonly treeOf: (snapshot: Snapshot) => string | undefined;
  readonly objects: GitObjects;
  readonly ending: AbortSignal | undefined;
  /** Called when git cannot read what the clone should have. */
  readonly onDamage: () => void;
  /** Who brought the state, for the message when it is refused. */
  readonly origin: () => Promise<StateOrigin>;
  /** The states of the same source. */
  readonly states: TreeStates;
}

/** The state at one commit. Only a listing starts a process. */
export class GitSnapshot implements Snapshot {
  readonly commit: string;
  readonly tree: SnapshotTree;
  readonly #options: GitSnapshotOptions;

  constructor(options: GitSnapshotOptions) {
    const { commit, tree } = options;
    this.#options = options;
    this.commit = commit;
    this.tree = { id: tree, changesSince: async (before) => this.#changesSinceTree(before) };
  }

  // Properties, not methods: whoever changes one of them spreads the snapshot.
  readonly origin = async (): Promise<StateOrigin> => this.#options.origin();

  readonly entries: Snapshot['entries'] = () => {
    const { objects, tree, states, ending } = this.#options;
    return flattenBatches(this.#noticing(states.entries(objects, tree, this.#refuse, ending)));
  };

  readonly count: Snapshot['count'] = async () => {
    const { objects, tree, states } = this.#options;
    return states.count(objects, tree, this.#refuse);
  };

  readonly changesSince: Snapshot['changesSince'] = (previous) =>
    flattenBatches(this.#changesSince(previous));

  readonly read: Snapshot['read'] = async ({ id }) => {
    const { objects, ending } = this.#options;
    ending?.throwIfAborted();
    try {
      const { type, bytes } = await objects.contents().ask(id);
      if (type !== 'blob') throw new SourceError(`git: expected the blob ${id}, got a ${type}`);
      return bytes;
    } catch (error) {
      return this.#notice(error);
    }
  };

  /** The processes live as long as the source. */
  readonly close: Snapshot['close'] = async () => undefined;

  async *#changesSince(previous: Snapshot): AsyncGenerator<Entry[]> {
    const { objects, tree, states, treeOf } = this.#options;
    const before = treeOf(previous);
    if (before === tree) {
      await states.refuseKnown(tree, this.#refuse);
      return;
    }
    if (before === undefined) {
      throw new SourceError(`commit ${previous.commit} is not in this repository`);
    }
    await this.#assertKept(before, previous.commit);
    yield* this.#noticing(states.changes(objects, before, tree, this.#refuse));
  }

  /** Says nothing of damage: a clone need not have a tree that somebody names. */
  async #changesSinceTree(before: string): Promise<AsyncIterable<Entry> | undefined> {
    const { objects, tree, states } = this.#options;
    const found = await objects.sizes.ask(before).catch(() => undefined);
    if (found?.type !== 'tree') return undefined;
    return flattenBatches(states.changes(objects, before, tree, this.#refuse));
  }

  /** A force push and a new clone may have removed a tree, which is no damage. */
  async #assertKept(tree: string, commit: string | undefined): Promise<void> {
    try {
      await this.#options.objects.sizes.ask(tree);
    } catch (cause) {
      if (!(cause instanceof ObjectMissingError)) throw cause;
      throw new SourceError(`the clone has lost commit ${commit}`, { cause });
    }
  }

  async *#noticing(batches: AsyncIterable<Entry[]>): AsyncGenerator<Entry[]> {
    try {
      yield* batches;
    } catch (error) {
      this.#notice(error);
    }
  }

  /** Reports damage of the clone where an error is that, and throws the error. */
  #notice(error: unknown): never {
    const isOfRemote = error instanceof StateRefusedError || error instanceof LeftOutError;
    if (!isOfRemote && !(error instanceof GitKilledError)) this.#options.onDamage();
    throw error;
  }

  readonly #refuse: Refuse = async (reason) => {
    throw new StateRefusedError(reason, await this.#options.origin(), BUDGET_HINT);
  };
}
