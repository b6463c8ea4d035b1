import type { Listed } from './recency-list.ts';
import { MAX_CLIENTS, MAX_CLIENT_LENGTH, type RefusedPull } from './refused-pull.ts';
import type { RepositoryPulls } from './repository-pulls.ts';

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
