import type { Random } from '../random.ts';
import type { Draft } from './draft.ts';

/** A change of a draft, and what was done. */
export interface Twisted {
  readonly what: string;
  readonly draft: Draft;
}

export type Twist = (random: Random, draft: Draft) => Twisted;
