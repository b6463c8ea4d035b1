// The options that say what a pusher may cost (docs/limits.md).
import { BUDGET_OPTIONS, type Budgets } from '../generator/budgets.ts';
import { LONGEST_TIMER, count, duration, size } from './option-values.ts';
import type { Option, Settings } from './options.ts';

const COMMANDS = ['check', 'generate', 'serve', 'explain'] as const;

export const BUDGETS = {
  [BUDGET_OPTIONS.pathDepth]: {
    argument: 'N',
    description: 'components that the path of a signature may have; deeper ones are rejected',
    commands: COMMANDS,
    default: '32',
    schema: count,
  },
  [BUDGET_OPTIONS.pathLength]: {
    argument: 'SIZE',
    description: 'bytes that the path of a signature may have; longer ones are rejected',
    commands: COMMANDS,
    default: '1024',
    schema: size,
  },
  [BUDGET_OPTIONS.gpgvTime]: {
    argument: 'DURATION',
    description: 'processor time that gpgv may spend on one file, in whole seconds',
    commands: COMMANDS,
    default: '2s',
    schema: duration('a duration like 2s', LONGEST_TIMER).refine((given) => given >= 1000, {
      error: 'expected at least 1s of processor time',
    }),
  },
  [BUDGET_OPTIONS.entries]: {
    argument: 'N',
    description:
      'files that a state of the source may have, and as many directories; one with more is refused',
    commands: COMMANDS,
    default: '4000000',
    schema: count,
  },
  [BUDGET_OPTIONS.pathBytes]: {
    argument: 'SIZE',
    description: 'bytes that all paths of a state may have together; one with more is refused',
    commands: COMMANDS,
    default: '1GiB',
    schema: size,
  },
  [BUDGET_OPTIONS.transfer]: {
    argument: 'SIZE',
    description:
      'bytes that one refresh may bring from a remote; a state that needs more is refused',
    commands: COMMANDS,
    default: '4GiB',
    schema: size,
  },
  [BUDGET_OPTIONS.disk]: {
    argument: 'SIZE',
    description: 'bytes that the clone may take on the disk; a state that needs more is refused',
    commands: COMMANDS,
    default: '16GiB',
    schema: size,
  },
} as const satisfies Record<string, Option>;

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
