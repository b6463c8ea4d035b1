// The states of a clone, by their trees: what each has in all, what is in it, and what changed. A
// state is counted before anything of it is given, so that one over its budget costs some reads and
// no verdict. For a refresh what counts is what is served plus what changes.
//
// Pushes are compared here rather than by `git diff-tree`, which keeps all that it finds in memory
// until it has found everything. 10,000 new directories in a store of 100,000 take 0.6 s in place of
// 0.45 s (two processors, both busy with other work); a push of one signature starts no process.
import { readFileSync } from 'node:fs';
import { replaceUnsynced } from '../../../system/durable.ts';
import type { StateBudgets } from '../../../terms/budgets.ts';
import { keepNewest } from '../../../terms/keep-newest.ts';
import { type Entry, SourceError } from '../../source.ts';
import { NO_PATHS, type StateTotals, findExcess } from '../../state-budget.ts';
import { type Change, toEntries } from './change.ts';
import type { GitObjects } from './git-objects.ts';
import { completeSizes } from './left-out.ts';
import { listTree } from './list-tree.ts';
import { BrokenTreeError, OddTreeError, isTree } from './tree-items.ts';
import { type Counts, TreeWalk, type TreeWalkOptions, type Visit, pathOf } from './tree-walk.ts';

/** Ends with an error that tells why a state is refused. */
export type Refuse = (reason: string) => Promise<never>;

/** What is known of a tree as a whole. */
interface KnownTree extends StateTotals {
  /** Directories around the deepest one, or more. */
  readonly depth: number;
  /** Whether names in it are such that git does not write them; then trees cannot be compared. */
  readonly isOdd: boolean;
}

/** Trees that are remembered: what is served, what was refused, and what is looked at. */
const REMEMBERED = 16;
/** Changes that are kept while they are counted, and bytes of their paths. */
const FEW = 20_000;
const FEW_BYTES = 8 * 1024 ** 2;
/** Changes that are given together. */
const BATCH = 512;
/** Git goes into each directory by a call of its own; newer ones stop at 2048. */
const DEEPEST_FOR_GIT = 1000;
/** What a state may have whose trees git does not write: all of it is kept in memory. */
const ODD: StateBudgets = { entries: 100_000, pathBytes: 64 * 1024 ** 2 };

export class TreeStates {
  readonly #budgets: StateBudgets;
  readonly #file: string;
  readonly #trees: Map<string, KnownTree>;
  /** Why trees were refused. */
  readonly #refused = new Map<string, string>();
  #served: string | undefined;

  /** `file` is where totals are kept between runs: without them a start counts once more. */
  constructor(budgets: StateBudgets, file: string) {
    this.#budgets = budgets;
    this.#file = file;
    this.#trees = readTotals(file);
  }

  /** A tree that is served stays so: it is not refused when budgets were lowered since. */
  serve(tree: string | undefined): void {
    this.#served = tree;
  }

  /** Refuses a tree, served or not, that is known to be over today's budgets. */
  async refuseKnown(tree: string, refuse: Refuse): Promise<void> {
    const known = this.#trees.get(tree);
    const excess = known && findExcess(known, this.#budgets);
    if (excess !== undefined) await refuse(excess);
  }

  /** How many files a tree has. Rejects as `refuse` does, or with a SourceError. */
  async count(objects: GitObjects, tree: string, refuse: Refuse): Promise<number> {
    return (await this.#totalsOf(objects, tree, refuse)).files;
  }

  /** Every entry of a tree; `ending` stops git. Throws as `refuse` does, or a SourceError. */
  async *entries(
    objects: GitObjects,
    tree: string,
    refuse: Refuse,
    ending?: AbortSignal,
  ): AsyncGenerator<Entry[]> {
    const { depth, isOdd } = await this.#totalsOf(objects, tree, refuse);
    if (!isOdd && depth <= DEEPEST_FOR_GIT) {
      const batches = listTree(objects.directory, objects.environment, tree, ending);
      for await (const batch of batches) yield await completeSizes(batch, objects);
      return;
    }
    const changes = isOdd
      ? oneBatch([...(await listOdd(objects, tree)).values()])
      : walk(objects, undefined, tree);
    for await (const batch of changes) yield await toEntries(batch, objects);
  }

  /** What `to` has other than `from`. Throws as `refuse` does, or a SourceError. */
  async *changes(
    objects: GitObjects,
    from: string,
    to: string,
    refuse: Refuse,
  ): AsyncGenerator<Entry[]> {
    const before = await this.#totalsOf(objects, from, notComparable);
    const found = before.isOdd ? undefined : await this.#compare(objects, from, to, before, refuse);
    if (found === undefined) {
      await this.#totalsOf(objects, to, refuse);
      const changes = compareLists(await listOdd(objects, from), await listOdd(objects, to));
      yield await toEntries(changes, objects);
      return;
    }
    const changes = found === 'many' ? walk(objects, from, to) : oneBatch(found);
    for await (const batch of changes) yield await toEntries(batch, objects);
  }

  /** Counts what differs; gives it where it is little, and undefined for trees that are odd. */
  async #compare(
    objects: GitObjects,
    from: string,
    to: string,
    before: KnownTree,
    refuse: Refuse,
  ): Promise<readonly Change[] | 'many' | undefined> {
    await this.#refuseAgain(to, refuse);
    const counting = new TreeWalk({ ...toReaders(objects), from, to, isCounting: true });
    let few: Change[] | undefined = [];
    let bytes = 0;
    try {
      for await (const visit of counting.visits()) {
        await this.#refuseExcess(to, counting.counts.added, refuse);
        if (counting.hasRepetition) few = undefined;
        for (const change of few ? toChanges(visit) : []) {
          bytes += change.name.length;
          few?.push(change);
          if (few && (few.length > FEW || bytes > FEW_BYTES)) few = undefined;
          if (!few) break;
        }
      }
    } catch (error) {
      if (error instanceof OddTreeError) return undefined;
      if (error instanceof BrokenTreeError) return this.#refuse(to, error.message, refuse);
      throw error;
    }
    const { added, removed, depth } = counting.counts;
    const totals = sum(before, added, removed);
    await this.#refuseExcess(to, totals, refuse);
    await this.#note(to, { ...totals, depth: Math.max(before.depth, depth), isOdd: false });
    return counting.hasRepetition ? 'many' : (few ?? 'many');
  }

  async #totalsOf(objects: GitObjects, tree: string, refuse: Refuse): Promise<KnownTree> {
    const known = this.#trees.get(tree);
    if (known) {
      // The budget may be another one than in the run before.
      await this.#refuseExcess(tree, known, refuse);
      return known;
    }
    await this.#refuseAgain(tree, refuse);
    const counted =
      (await this.#count(objects, tree, false, refuse)) ??
      (await this.#count(objects, tree, true, refuse));
    if (!counted) return refuse('a directory of the state cannot be read');
    return counted;
  }

  /** Undefined for a tree that is odd, unless that was expected. */
  async #count(
    objects: GitObjects,
    tree: string,
    isOdd: boolean,
    refuse: Refuse,
  ): Promise<KnownTree | undefined> {
    const options = { ...toReaders(objects), from: undefined, to: tree, isOdd, isCounting: true };
    const counting = new TreeWalk(options);
    try {
      const visits = counting.visits();
      while ((await visits.next()).done !== true) {
        await this.#refuseExcess(tree, counting.counts.added, refuse);
      }
    } catch (error) {
      if (error instanceof OddTreeError) return undefined;
      if (error instanceof BrokenTreeError) return this.#refuse(tree, error.message, refuse);
      throw error;
    }
    const { added, depth } = counting.counts;
    const totals = sum(NO_PATHS, added, NO_PATHS);
    await this.#refuseExcess(tree, totals, refuse);
    if (isOdd && findExcess(totals, ODD) !== undefined) {
      const reason = `it has names that git does not allow, and more than ${ODD.entries} files`;
      return this.#refuse(tree, reason, refuse);
    }
    return this.#note(tree, { ...totals, depth, isOdd });
  }

  async #refuseExcess(tree: string, totals: StateTotals, refuse: Refuse): Promise<void> {
    const excess = tree === this.#served ? undefined : findExcess(totals, this.#budgets);
    if (excess !== undefined) await this.#refuse(tree, excess, refuse);
  }

  /** What was refused once is not gone through again. */
  async #refuseAgain(tree: string, refuse: Refuse): Promise<void> {
    const reason = this.#refused.get(tree);
    if (reason !== undefined) await refuse(reason);
  }

  async #refuse(tree: string, reason: string, refuse: Refuse): Promise<never> {
    keepNewest(this.#refused, tree, reason, REMEMBERED);
    return refuse(reason);
  }

  async #note(tree: string, totals: KnownTree): Promise<KnownTree> {
    keepNewest(this.#trees, tree, totals, REMEMBERED);
    const text = JSON.stringify({ form: FORM, trees: [...this.#trees] });
    // Without it the next start takes longer, no more.
    await replaceUnsynced(this.#file, text).catch(() => undefined);
    return totals;
  }
}

/** The state before is one that would be refused today. */
async function notComparable(reason: string): Promise<never> {
  throw new SourceError(`the earlier state cannot be used: ${reason}`);
}

/** Changes when totals are counted in another way. */
const FORM = 1;

function readTotals(file: string): Map<string, KnownTree> {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof kept !== 'object' || kept === null) return new Map();
    if (!('form' in kept) || kept.form !== FORM || !('trees' in kept)) return new Map();
    return new Map(Array.isArray(kept.trees) ? kept.trees.filter(isKnownTree) : []);
  } catch {
    return new Map();
  }
}

function isKnownTree(kept: unknown): kept is readonly [string, KnownTree] {
  if (!Array.isArray(kept)) return false;
  const [tree, totals]: readonly unknown[] = kept;
  if (typeof tree !== 'string' || typeof totals !== 'object' || totals === null) return false;
  const values = new Map(Object.entries(totals));
  return (
    ['files', 'directories', 'pathBytes', 'depth'].every((name) =>
      Number.isSafeInteger(values.get(name)),
    ) && typeof values.get('isOdd') === 'boolean'
  );
}

function toReaders({ contents, sizes }: GitObjects): Pick<TreeWalkOptions, 'contents' | 'sizes'> {
  return { contents: contents(), sizes };
}

function sum(before: StateTotals, added: Counts, removed: StateTotals): StateTotals {
  return {
    files: before.files + added.files - removed.files,
    directories: before.directories + added.directories - removed.directories,
    pathBytes: before.pathBytes + added.pathBytes - removed.pathBytes,
  };
}

/** What changed in a directory, but for the directories in it. */
function* toChanges({ place, differences }: Visit): Generator<Change> {
  for (const { name, old, now } of differences) {
    const [before, after] = [isTree(old) ? undefined : old, isTree(now) ? undefined : now];
    if (!before && !after) continue;
    const wasThere = before !== undefined;
    yield { name: pathOf(place, name), now: after && { mode: after.mode, id: after.id }, wasThere };
  }
}

/** All that differs, in batches of a bounded number. */
async function* walk(
  objects: GitObjects,
  from: string | undefined,
  to: string,
): AsyncGenerator<readonly Change[]> {
  let batch: Change[] = [];
  for await (const visit of new TreeWalk({ ...toReaders(objects), from, to }).visits()) {
    for (const change of toChanges(visit)) batch.push(change);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

async function* oneBatch(changes: readonly Change[]): AsyncGenerator<readonly Change[]> {
  yield changes;
}

/** All of a tree that need not be as git writes it, each path once, by the bytes of the path. */
async function listOdd(objects: GitObjects, tree: string): Promise<ReadonlyMap<string, Change>> {
  const options = { ...toReaders(objects), from: undefined, to: tree, isOdd: true };
  const found = new Map<string, Change>();
  for await (const visit of new TreeWalk(options).visits()) {
    for (const change of toChanges(visit)) {
      found.set(Buffer.from(change.name).toString('latin1'), change);
    }
  }
  return found;
}

function compareLists(
  before: ReadonlyMap<string, Change>,
  after: ReadonlyMap<string, Change>,
): readonly Change[] {
  const changes: Change[] = [];
  for (const [path, { name, now }] of after) {
    const old = before.get(path)?.now;
    if (old?.id === now?.id && old?.mode === now?.mode) continue;
    changes.push({ name, now, wasThere: old !== undefined });
  }
  for (const [path, { name }] of before) {
    if (!after.has(path)) changes.push({ name, now: undefined, wasThere: true });
  }
  return changes;
}
