// What is still to be judged again in the store in force: everything when somebody asked for that, what
// there was no time for, and files that are without a verdict. Each can be broken off, and goes on where
// it stopped.
import type { CheckedFile } from '../../generator/gate/checked-file.ts';
import { DEFERRED } from '../../generator/openpgp/open-message.ts';
import {
  type JudgeAgainOptions,
  type JudgedAgain,
  judgeAgain,
  withPauses,
} from '../../generator/store/judge-again.ts';
import type { JudgedFile } from '../../generator/store/store.ts';

/** Files without a verdict that are judged in one pass. */
const UNDECIDED_AT_ONCE = 1000;

/** The result of a pass over files without a verdict. */
export interface UndecidedTurn extends Pick<JudgedAgain, 'failure'> {
  /** Whether all had their turn. */
  readonly isWhole: boolean;
}

export class JudgingAgain {
  /** Set when every file is to be judged again, from the first one on. */
  #mustBegin = false;
  /** Where that goes on after it was broken off. */
  #all: Iterator<JudgedFile> | undefined;
  /** Files that there was no time for. */
  #owed: readonly JudgedFile[] = [];
  /** Paths of files without a verdict that had their turn in this round. */
  readonly #asked = new Set<string>();

  /** Whether all that was asked for has been judged. */
  get isDone(): boolean {
    return !this.#mustBegin && !this.#all && this.#owed.length === 0;
  }

  /** Asks for every file to be judged again. */
  request(): void {
    this.#mustBegin = true;
  }

  /** Another store is in force, so what was begun starts over. */
  restart(): void {
    this.#owed = [];
    if (this.#all) this.#mustBegin = true;
  }

  /** Judges everything, if that was asked for, or goes on with it. */
  async goOn(job: JudgeAgainOptions): Promise<JudgedAgain> {
    if (this.#mustBegin) this.#all = job.store.judged();
    this.#mustBegin = false;
    const owed = this.#owed.filter((file) => job.store.has(file));
    const iterator = this.#all;
    let isAtEnd = true;
    let taken = 0;
    const files = function* (): Generator<JudgedFile> {
      for (let file = owed[taken++]; file; file = owed[taken++]) yield file;
      if (!iterator) return;
      isAtEnd = false;
      // A for-of loop would close the iterator when it is broken off.
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) yield next.value;
      isAtEnd = true;
    };
    const judged = await judgeAgain(files(), job);
    if (isAtEnd) this.#all = undefined;
    this.#owed = [...owed.slice(taken), ...judged.left];
    return judged;
  }

  /** Judges files without a verdict, some at a time. Tells whether all had their turn. */
  async retryUndecided(job: JudgeAgainOptions): Promise<UndecidedTurn> {
    const waiting = [...job.store.undecided()].filter(({ path }) => !this.#asked.has(path));
    // First those that were put off and not tried yet.
    const inOrder = [...waiting.filter(isDeferred), ...waiting.filter((file) => !isDeferred(file))];
    const taken = inOrder.slice(0, UNDECIDED_AT_ONCE);
    const { left, failure } = await judgeAgain(taken, job);
    const rest = new Set(left);
    for (const file of taken) if (!rest.has(file)) this.#asked.add(file.path);
    const isWhole = left.length === 0 && taken.length === waiting.length;
    if (isWhole) this.#asked.clear();
    return { isWhole, failure };
  }
}

/** Judges again what does not hold, and finds what lapses next. */
export async function renewLapsed(job: JudgeAgainOptions): Promise<JudgedAgain> {
  const { store, now } = job;
  if (store.holdsAt(now)) return { changes: 0, rejected: [], left: [], failure: undefined };
  const again = await judgeAgain(store.lapsed(now), job);
  // The store looks for the next verdict that ends: those that were replaced no longer count for that.
  const rest = withPauses(store.lapsed(now));
  while (!(await rest.next()).done);
  return again;
}

/** Whether the verdict on a file was put off, as it may take long. */
export function isDeferred(file: CheckedFile): file is JudgedFile {
  return file.kind === 'rejected' && file.rejection === DEFERRED;
}

/** Gives a function that tells whether this many milliseconds have gone by. */
export function patience(milliseconds: number): () => boolean {
  const end = performance.now() + milliseconds;
  return () => performance.now() >= end;
}
