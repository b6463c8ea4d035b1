// Counts what a directory has while it is walked, so that a walk ends where its budget does.
import type { StateBudgets } from '../terms/budgets.ts';
import { StateRefusedError } from './source.ts';
import { NO_PATHS, BUDGET_HINT, type StateTotals, findExcess } from './state-budget.ts';

export class StateCounter {
  readonly #budgets: StateBudgets;
  #files: number;
  #directories: number;
  #pathBytes: number;

  /** Goes on from `totals`, which another counter has come to. */
  constructor(budgets: StateBudgets, totals: StateTotals = NO_PATHS) {
    this.#budgets = budgets;
    this.#files = totals.files;
    this.#directories = totals.directories;
    this.#pathBytes = totals.pathBytes;
  }

  get totals(): StateTotals {
    return { files: this.#files, directories: this.#directories, pathBytes: this.#pathBytes };
  }

  /**
   * Counts one path of so many bytes.
   * @throws StateRefusedError when that is one too many
   */
  add(kind: 'files' | 'directories', bytes: number): void {
    if (kind === 'files') this.#files += 1;
    else this.#directories += 1;
    this.#pathBytes += bytes;
    const { entries, pathBytes } = this.#budgets;
    const most = Math.max(this.#files, this.#directories);
    if (most <= entries && this.#pathBytes <= pathBytes) return;
    throw new StateRefusedError(findExcess(this.totals, this.#budgets) ?? '', {}, BUDGET_HINT);
  }
}
