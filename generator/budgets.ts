// What a pusher may cost. A budget of one file rejects that file; a budget of a state refuses the
// state, and the last good one is served on.

export interface Budgets {
  /** Components of a path, `repo@sha256=HEX` and `signature-N` among them. */
  readonly pathDepth: number;
  /** Bytes of a path. */
  readonly pathLength: number;
  /** Processor time of gpgv for one file. Milliseconds. */
  readonly gpgvTime: number;
  /** Paths of a state, ignored ones among them. */
  readonly entries: number;
  /** Bytes of all paths of a state. */
  readonly pathBytes: number;
  /** Bytes that one refresh may bring from a remote. */
  readonly transfer: number;
  /** Bytes that a clone may take on the disk. */
  readonly disk: number;
}

/** Above what any honest repository needs: 2,000,000 signatures fit. */
export const DEFAULT_BUDGETS: Budgets = {
  pathDepth: 32,
  pathLength: 1024,
  gpgvTime: 2000,
  entries: 4_000_000,
  pathBytes: 1024 ** 3,
  transfer: 4 * 1024 ** 3,
  disk: 16 * 1024 ** 3,
};
