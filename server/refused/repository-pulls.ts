import { type Listed, RecencyList } from './recency-list.ts';
import type { RememberedPull } from './remembered-pull.ts';

/** The place of a repository among those of which pulls were seen once only. */
export class OnceTurn implements Listed<OnceTurn> {
  older: OnceTurn | undefined = undefined;
  newer: OnceTurn | undefined = undefined;
  /** Whether it is in that list. */
  isListed = false;
  readonly repository: RepositoryPulls;

  constructor(repository: RepositoryPulls) {
    this.repository = repository;
  }
}

/** The refused pulls of one repository. */
export class RepositoryPulls implements Listed<RepositoryPulls> {
  older: RepositoryPulls | undefined = undefined;
  newer: RepositoryPulls | undefined = undefined;
  /** `[prefix/]namespace/repo`. */
  readonly name: string;
  /** Whether the store knew it when that was last asked. */
  isKnown: boolean;
  readonly onceTurn = new OnceTurn(this);
  readonly #once = new RecencyList<RememberedPull>();
  readonly #again = new RecencyList<RememberedPull>();
  #size = 0;

  constructor(name: string, isKnown: boolean) {
    this.name = name;
    this.isKnown = isKnown;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether one of them was seen once only. */
  get hasOnce(): boolean {
    return this.#once.oldest !== undefined;
  }

  /** The one to forget first: the least recent of those seen once, then of those seen again. */
  get leastWorth(): RememberedPull | undefined {
    return this.#once.oldest ?? this.#again.oldest;
  }

  add(pull: RememberedPull): void {
    this.#listOf(pull).add(pull);
    this.#size++;
  }

  remove(pull: RememberedPull): void {
    this.#listOf(pull).remove(pull);
    this.#size--;
  }

  see(pull: RememberedPull, client: string, now: number): void {
    if (pull.wasSeenAgain) {
      this.#again.renew(pull);
    } else {
      this.#once.remove(pull);
      this.#again.add(pull);
    }
    pull.see(client, now);
  }

  /** Those to forget first are first. */
  *[Symbol.iterator](): Generator<RememberedPull> {
    yield* this.#once;
    yield* this.#again;
  }

  #listOf(pull: RememberedPull): RecencyList<RememberedPull> {
    return pull.wasSeenAgain ? this.#again : this.#once;
  }
}
