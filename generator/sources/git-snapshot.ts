import { ObjectMissingError } from './cat-file.ts';
import { toEntries } from './change.ts';
import { diffSmallTrees } from './diff-small-trees.ts';
import { diffTrees } from './diff-trees.ts';
import { flattenBatches } from './flatten-batches.ts';
import type { GitObjects } from './git-objects.ts';
import { GitKilledError } from './git-child.ts';
import { listTree } from './list-tree.ts';
import { type Entry, type Snapshot, SourceError } from './source.ts';

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
}

/** The state at one commit. It starts no process but for a listing and for many changes. */
export function createGitSnapshot(options: GitSnapshotOptions): Snapshot {
  const { commit, tree, objects, ending, onDamage } = options;
  const { directory, environment, sizes, contents } = objects;

  const notice = (error: unknown): never => {
    if (!(error instanceof GitKilledError)) onDamage();
    throw error;
  };
  const noticing = async function* (batches: AsyncIterable<Entry[]>): AsyncGenerator<Entry[]> {
    try {
      yield* batches;
    } catch (error) {
      notice(error);
    }
  };
  const changes = async function* (before: string): AsyncGenerator<Entry[]> {
    const few = await diffSmallTrees(contents(), sizes, before, tree);
    if (few) yield await toEntries(few, sizes);
    else yield* diffTrees(directory, environment, sizes, before, tree, ending);
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
        return found?.type === 'tree' ? flattenBatches(changes(before)) : undefined;
      },
    },
    entries: () => flattenBatches(noticing(listTree(directory, environment, tree, ending))),
    count: async () => {
      let entries = 0;
      for await (const batch of listTree(directory, environment, tree, ending))
        entries += batch.length;
      return entries;
    },
    changesSince: (previous) =>
      flattenBatches(
        (async function* () {
          const before = options.treeOf(previous);
          if (before === tree) return;
          if (before === undefined) {
            throw new SourceError(`commit ${previous.commit} is not of this repository`);
          }
          await ensureKept(before, previous.commit);
          yield* noticing(changes(before));
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
