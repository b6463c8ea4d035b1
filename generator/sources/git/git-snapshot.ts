import { ObjectMissingError } from './objects/cat-file.ts';
import { flattenBatches } from '../flatten-batches.ts';
import type { GitObjects } from './objects/git-objects.ts';
import { LeftOutError } from './objects/left-out.ts';
import { GitKilledError } from './processes/git-child.ts';
import {
  type Entry,
  type Snapshot,
  SourceError,
  type StateOrigin,
  StateRefusedError,
} from '../source.ts';
import { BUDGET_HINT } from '../state-budget.ts';
import type { TreeStates } from './objects/tree-states.ts';

export interface GitSnapshotOptions {
  readonly commit: string;
  /** The object name of the published tree. */
  readonly tree: string;
  /** The tree of another snapshot of the same source. */
  readonly treeOf: (snapshot: Snapshot) => string | undefined;
  readonly objects: GitObjects;
  readonly ending: AbortSignal | undefined;
  /** Told when git cannot read what the clone should hold. */
  readonly onDamage: () => void;
  /** Who brought the state, for what is told when it is refused. */
  readonly origin: () => Promise<StateOrigin>;
  /** The states of the same source. */
  readonly states: TreeStates;
}

/** The state at one commit. It starts no process but for a listing. */
export function createGitSnapshot(options: GitSnapshotOptions): Snapshot {
  const { commit, tree, objects, ending, onDamage, states } = options;
  const { sizes, contents } = objects;

  const notice = (error: unknown): never => {
    const isOfRemote = error instanceof StateRefusedError || error instanceof LeftOutError;
    if (!isOfRemote && !(error instanceof GitKilledError)) onDamage();
    throw error;
  };
  const noticing = async function* (batches: AsyncIterable<Entry[]>): AsyncGenerator<Entry[]> {
    try {
      yield* batches;
    } catch (error) {
      notice(error);
    }
  };
  const refuse = async (reason: string): Promise<never> => {
    throw new StateRefusedError(reason, await options.origin(), BUDGET_HINT);
  };
  /** A force push and a new clone may have taken it away, which harms nobody. */
  const ensureKept = async (before: string, of: string | undefined): Promise<void> => {
    try {
      await sizes.ask(before);
    } catch (cause) {
      if (!(cause instanceof ObjectMissingError)) throw cause;
      throw new SourceError(`the clone has lost commit ${of}`, { cause });
    }
  };

  return {
    commit,
    tree: {
      id: tree,
      // Without notice: what the clone may have lost says nothing of what it has to have.
      changesSince: async (before) => {
        const found = await sizes.ask(before).catch(() => undefined);
        if (found?.type !== 'tree') return undefined;
        return flattenBatches(states.changes(objects, before, tree, refuse));
      },
    },
    entries: () => flattenBatches(noticing(states.entries(objects, tree, refuse, ending))),
    count: async () => states.count(objects, tree, refuse),
    changesSince: (previous) =>
      flattenBatches(
        (async function* () {
          const before = options.treeOf(previous);
          if (before === tree) {
            await states.refuseKnown(tree, refuse);
            return;
          }
          if (before === undefined) {
            throw new SourceError(`commit ${previous.commit} is not in this repository`);
          }
          await ensureKept(before, previous.commit);
          yield* noticing(states.changes(objects, before, tree, refuse));
        })(),
      ),
    read: async ({ id }) => {
      ending?.throwIfAborted();
      try {
        const { type, bytes } = await contents().ask(id);
        if (type !== 'blob') throw new SourceError(`git: expected the blob ${id}, got a ${type}`);
        return bytes;
      } catch (error) {
        return notice(error);
      }
    },
    // The processes live as long as the source.
    close: async () => undefined,
  };
}
