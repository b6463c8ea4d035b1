// What a push may cost. A file over its budget is rejected; a state over its budget is refused, and
// the last good one stays in service.

/** Limits for the path of one file. */
export interface PathBudgets {
  /** Components of a path, including `repo@sha256=HEX` and `signature-N`. */
  readonly pathDepth: number;
  /** Bytes of a path. */
  readonly pathLength: number;
}

/** Limits for all paths of a state together. */
export interface StateBudgets {
  /** Files of a state, including ignored ones; as many directories are allowed again. */
  readonly entries: number;
  /** Bytes of all their paths together. */
  readonly pathBytes: number;
}

export interface Budgets extends PathBudgets, StateBudgets {
  /** Processor time of gpgv for one file. Milliseconds. */
  readonly gpgvTime: number;
  /** Bytes that one refresh may bring from a remote. */
  readonly transfer: number;
  /** Bytes that a clone may take on the disk. */
  readonly disk: number;
}

/** More than any honest repository needs: 2,000,000 signatures fit. */
export const DEFAULT_BUDGETS: Budgets = {
  // Written below a directory of `generate`, such a path stays below PATH_MAX of Linux, 4096 bytes.
  pathDepth: 32,
  pathLength: 1024,
  gpgvTime: 2000,
  entries: 4_000_000,
  pathBytes: 1024 ** 3,
  transfer: 4 * 1024 ** 3,
  disk: 16 * 1024 ** 3,
};

/** The option that sets each budget. */
export const BUDGET_OPTIONS = {
  pathDepth: 'max-path-depth',
  pathLength: 'max-path-length',
  gpgvTime: 'gpgv-limit',
  entries: 'max-entries',
  pathBytes: 'max-path-bytes',
  transfer: 'max-transfer',
  disk: 'max-disk',
} as const satisfies Record<keyof Budgets, string>;
