// What all paths of a state take, and whether that is more than they may.
import type { StateBudgets } from '../terms/budgets.ts';

/** What a state has. */
export interface StateTotals {
  readonly files: number;
  readonly directories: number;
  /** Bytes of the paths of both, relative to what is published. */
  readonly pathBytes: number;
}

export const NO_PATHS: StateTotals = { files: 0, directories: 0, pathBytes: 0 };

/** What to do about a state that is refused. */
export const BUDGET_HINT =
  'remove from the branch what does not belong there, or raise the budget: see docs/limits.md';

/** Why a state with so much is refused, naming budget and option; undefined if it is not. */
export function findExcess(totals: StateTotals, budgets: StateBudgets): string | undefined {
  const { entries, pathBytes } = budgets;
  for (const kind of ['files', 'directories'] as const) {
    if (totals[kind] > entries) {
      return `it has ${totals[kind]} ${kind} or more, but --max-entries allows ${entries}`;
    }
  }
  if (totals.pathBytes <= pathBytes) return undefined;
  return `its paths take ${totals.pathBytes} bytes or more, but --max-path-bytes allows ${pathBytes}`;
}
