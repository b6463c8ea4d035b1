// What a pusher may cost. A budget of one file rejects that file; a budget of a state refuses the
// state, and the last good one is served on.

/** What the path of one file may be. */
export interface PathBudgets {
  /** Components of a path, `repo@sha256=HEX` and `signature-N` among them. */
  readonly pathDepth: number;
  /** Bytes of a path. */
  readonly pathLength: number;
}

/** What all paths of a state may be together. */
export interface StateBudgets {
  /** Files of a state, ignored ones among them, and as many directories. */
  readonly entries: number;
  /** Bytes of the paths of all of them together. */
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

/** Above what any honest repository needs: 2,000,000 signatures fit. */
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
