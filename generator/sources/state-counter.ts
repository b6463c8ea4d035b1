// Counts what a directory has while it is walked, so that a walk ends where its budget does.
import type { StateBudgets } from '../terms/budgets.ts';
import { StateRefusedError } from './source.ts';
import { BUDGET_HINT, type StateTotals, findExcess } from './state-budget.ts';

export class StateCounter {
  readonly #budgets: StateBudgets;
  #files = 0;
  #directories = 0;
  #pathBytes = 0;

  /** Nothing is counted yet. */
  constructor(budgets: StateBudgets) {
    this.#budgets = budgets;
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
    const totals: StateTotals = {
      files: this.#files,
      directories: this.#directories,
      pathBytes: this.#pathBytes,
    };
    throw new StateRefusedError(findExcess(totals, this.#budgets) ?? '', {}, BUDGET_HINT);
  }
}
