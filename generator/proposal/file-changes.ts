import type { GitObjects } from '../sources/git/objects/git-objects.ts';
import {
  BrokenTreeError,
  OddTreeError,
  type TreeItem,
  isTree,
} from '../sources/git/objects/tree-items.ts';
import { TreeWalk, pathOf } from '../sources/git/objects/tree-walk.ts';
import { readGit } from '../sources/git/processes/git-child.ts';
import { StateRefusedError } from '../sources/source.ts';
import { StateCounter } from '../sources/state-counter.ts';
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

const TAB = 0x09;
const FOUR = 0x34;
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

/**
 * Counts all paths of a tree, as a server will that publishes it: git lists a hundred thousand of them in
 * less time than their contents take. Throws a StateRefusedError for more than the budgets allow, and a
 * SourceError.
 */
export async function refuseLargeTree(
  objects: GitObjects,
  tree: string,
  budgets: StateBudgets,
): Promise<void> {
  await countTree(objects, tree, new StateCounter(budgets));
}

/** Where git lists trees. */
export type TreePlace = Pick<GitObjects, 'directory' | 'environment' | 'ending'>;

/** Counts all paths of a tree. Throws as the counter does, and a SourceError. */
export async function countTree(
  { directory, environment, ending }: TreePlace,
  tree: string,
  counter: StateCounter,
): Promise<void> {
  const args = ['ls-tree', '-r', '-t', '-z', '--full-tree', tree] as const;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of readGit(directory, environment, args, ending)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let nul = bytes.indexOf(0); nul >= 0; nul = bytes.indexOf(0, from)) {
      // `MODE SP TYPE SP ID TAB PATH`; the mode of a directory is the only one with a 4 there.
      const kind = bytes[from + 1] === FOUR ? 'directories' : 'files';
      counter.add(kind, nul - bytes.indexOf(TAB, from) - 1);
      from = nul + 1;
    }
    rest = bytes.subarray(from);
  }
}

/** Every change costs a place in memory, whichever side it is on. */
function refuseExcess({ counts: { added, removed } }: TreeWalk, budgets: StateBudgets): void {
  const excess = findExcess(added, budgets) ?? findExcess(removed, budgets);
  if (excess !== undefined) {
    throw new StateRefusedError(`what it changes is too much: ${excess}`, {}, BUDGET_HINT);
  }
}
