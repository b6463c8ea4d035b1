import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import {
  BrokenTreeError,
  OddTreeError,
  type TreeItem,
  isTree,
} from '../sources/git/objects/tree-items.ts';
import { TreeWalk, pathOf } from '../sources/git/objects/tree-walk.ts';
import { StateRefusedError } from '../sources/source.ts';
import { BUDGET_HINT, findExcess } from '../sources/state-budget.ts';
import type { StateBudgets } from '../terms/budgets.ts';

/** What stood and what stands under a path; a directory counts as nothing. */
export interface FileChange {
  /** The bytes of the path. */
  readonly name: Buffer;
  readonly old: TreeItem | undefined;
  readonly now: TreeItem | undefined;
  /** The object name of the directory that it lies in after; undefined where there is none. */
  readonly directory: string | undefined;
}

/** Changes that are given together, at least: they are judged side by side. */
const BATCH = 512;

/**
 * The paths in which two trees differ, in batches; undefined is a tree without files. What is below
 * directories that `passesOver` names is left out. Throws a
 * StateRefusedError where there is more than the budgets allow, or where no git wrote the trees, and a
 * SourceError where an object is missing.
 */
export async function* readFileChanges(
  objects: GitObjects,
  from: string | undefined,
  to: string | undefined,
  budgets: StateBudgets,
  passesOver?: (path: Buffer) => boolean,
): AsyncGenerator<readonly FileChange[]> {
  const walk = new TreeWalk({
    contents: objects.contents(),
    sizes: objects.sizes,
    from,
    to,
    ...(passesOver && { passesOver }),
  });
  let batch: FileChange[] = [];
  try {
    for await (const { place, tree, differences } of walk.visits()) {
      refuseExcess(walk, budgets);
      for (const { name, old, now } of differences) {
        const [before, after] = [toFile(old), toFile(now)];
        if (!before && !after) continue;
        batch.push({ name: pathOf(place, name), old: before, now: after, directory: tree });
      }
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  } catch (error) {
    if (!(error instanceof OddTreeError || error instanceof BrokenTreeError)) throw error;
    throw new StateRefusedError(
      error.message,
      {},
      'commit with git, which writes no such directory',
    );
  }
}

function toFile(item: TreeItem | undefined): TreeItem | undefined {
  return isTree(item) ? undefined : item;
}

/** Every change costs a place in memory, whichever side it is on. */
function refuseExcess({ counts: { added, removed } }: TreeWalk, budgets: StateBudgets): void {
  const excess = findExcess(added, budgets) ?? findExcess(removed, budgets);
  if (excess !== undefined) {
    throw new StateRefusedError(`what it changes is too much: ${excess}`, {}, BUDGET_HINT);
  }
}
