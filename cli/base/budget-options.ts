// What a pusher may cost in this run (docs/limits.md).
import { BUDGET_OPTIONS, type Budgets } from '../../generator/terms/budgets.ts';
import type { Settings } from './options.ts';

/** The budgets that are in force. */
export function toBudgets(settings: Settings): Budgets {
  return {
    pathDepth: settings[BUDGET_OPTIONS.pathDepth],
    pathLength: settings[BUDGET_OPTIONS.pathLength],
    gpgvTime: settings[BUDGET_OPTIONS.gpgvTime],
    entries: settings[BUDGET_OPTIONS.entries],
    pathBytes: settings[BUDGET_OPTIONS.pathBytes],
    transfer: settings[BUDGET_OPTIONS.transfer],
    disk: settings[BUDGET_OPTIONS.disk],
  };
}
