import type { Data } from './data/open-data.ts';
import type { Findings, PartName } from './report/result.ts';
import type { Tool } from './tools.ts';

/** What a part measures with. */
export interface Bench {
  readonly data: Data;
  /** Whether the store of a million is measured too. */
  readonly isFull: boolean;
  /** Tells of progress. */
  readonly say: (line: string) => void;
}

/** One part of the bench. */
export interface Part {
  readonly name: PartName;
  readonly title: string;
  /** What must be installed for it. */
  readonly tools: readonly Tool[];
  readonly measure: (bench: Bench) => Promise<Findings>;
}
