// The refused pulls of one repository, each counted as it is seen again.
import { type Listed, RecencyList } from './recency-list.ts';
import { MAX_CLIENTS, MAX_CLIENT_LENGTH, type RefusedPull } from './refused-pull.ts';

/** A refused pull as it is counted. */
export class RememberedPull implements Listed<RememberedPull> {
  older: RememberedPull | undefined = undefined;
  newer: RememberedPull | undefined = undefined;
  readonly repository: RepositoryPulls;
  readonly directory: string;
  #count: number;
  #firstSeen: number;
  #lastSeen: number;
  #hasMoreClients: boolean;
  /** The newest first. */
  readonly #clients: string[];

  constructor(repository: RepositoryPulls, pull: RefusedPull) {
    this.repository = repository;
    this.directory = pull.directory;
    this.#count = pull.count;
    this.#firstSeen = pull.firstSeen;
    this.#lastSeen = pull.lastSeen;
    this.#hasMoreClients = pull.hasMoreClients;
    this.#clients = [...pull.clients];
  }

  get lastSeen(): number {
    return this.#lastSeen;
  }

  /** As nodes do, which try again; scanners do not. */
  get wasSeenAgain(): boolean {
    return this.#count > 1;
  }

  see(client: string, now: number): void {
    this.#count++;
    // Clocks are set back.
    this.#firstSeen = Math.min(this.#firstSeen, now);
    this.#lastSeen = now;
    if (client !== this.#clients[0]) this.#putFirst(toClientName(client));
  }

  /** As it is now, whatever is seen afterwards. */
  toPull(): RefusedPull {
    return {
      directory: this.directory,
      count: this.#count,
      firstSeen: this.#firstSeen,
      lastSeen: this.#lastSeen,
      clients: [...this.#clients],
      hasMoreClients: this.#hasMoreClients,
    };
  }

  #putFirst(client: string): void {
    const at = this.#clients.indexOf(client);
    if (at >= 0) {
      this.#clients.unshift(...this.#clients.splice(at, 1));
      return;
    }
    this.#clients.unshift(copyOf(client));
    if (this.#clients.length <= MAX_CLIENTS) return;
    this.#clients.pop();
    this.#hasMoreClients = true;
  }
}

/** Makes the pull of a directory that is asked for the first time. */
export function createPull(
  repository: RepositoryPulls,
  directory: string,
  client: string,
  now: number,
): RememberedPull {
  return new RememberedPull(repository, {
    directory,
    count: 1,
    firstSeen: now,
    lastSeen: now,
    clients: [copyOf(toClientName(client))],
    hasMoreClients: false,
  });
}

/** A string of its own: a slice would keep the request that it was cut from in memory. */
export function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

function toClientName(client: string): string {
  return client.length > MAX_CLIENT_LENGTH ? client.slice(0, MAX_CLIENT_LENGTH) : client;
}

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
