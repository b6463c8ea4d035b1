// How the stores of a server keep numbers that caches may hold, from one store to the next and over
// a restart.
import type { SignatureStore } from '../../generator/store/store.ts';
import { inTheWay } from '../troubles/failures.ts';
import type { NumbersFile } from './numbers-file.ts';
import { yieldToLookups } from '../lookups/yield-to-lookups.ts';

export interface NumberHoldingOptions {
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  /** How long caches may hold what is answered to lookups, in milliseconds. */
  readonly cachedFor: number;
  /** Remembers such numbers for the next run; undefined without a state directory. */
  readonly numbers: NumbersFile | undefined;
}

/** Caches hold answers for a time; the same again is for what is on its way, and for clocks that differ. */
const SLACK = 2;
/** Directories that are looked at, or changed, in one step, between lookups. */
const LOOKED_AT_ONCE = 2000;
const MOVED_AT_ONCE = 500;

export class NumberHolding {
  readonly #options: NumberHoldingOptions;
  /** Whether numbers have moved on since they were kept. */
  #isBehind = false;

  constructor(options: NumberHoldingOptions) {
    this.#options = options;
  }

  /**
   * From now on a store that is not in force yet changes no number that caches may hold: of what is
   * served now, or without that, of what was served last.
   */
  async hold(store: SignatureStore, served: SignatureStore | undefined): Promise<void> {
    const { elapsed, cachedFor, numbers } = this.#options;
    const hold = { elapsed, window: SLACK * cachedFor };
    if (!served) {
      store.holdNumbers(hold, (await numbers?.read()) ?? []);
      return;
    }
    let looked = 0;
    for (const _ of store.takeOverNumbers(hold, served)) {
      if (++looked % LOOKED_AT_ONCE === 0) await new Promise<void>(yieldToLookups);
    }
  }

  /** Gives numbers that no cache holds any more to the signatures that belong there; some at a time. */
  move(store: SignatureStore): void {
    const { version } = store.keptNumbers;
    const isDone = inTheWay(() => store.moveNumbers(MOVED_AT_ONCE));
    this.#isBehind ||= store.keptNumbers.version !== version;
    // Of many only once: what the file has is older, and still true enough to hold numbers by.
    if (!isDone || !this.#isBehind) return;
    this.#isBehind = false;
    void this.keep(store);
  }

  /** Settles when the next start would find the numbers of a store. */
  async keep(store: SignatureStore): Promise<void> {
    await this.#options.numbers?.keep(store);
  }
}
