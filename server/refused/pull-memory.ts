// Remembers refused pulls within bounds, whatever strangers ask for. Whoever asks for invented
// repositories pushes out no pull of a repository that the store knows; whoever asks for invented
// digests of repositories that it knows, once each, pushes out no pull that was seen again. Each step
// takes as long with few pulls as with many.
import { repositoryIn } from '../../generator/terms/release-location.ts';
import { RecencyList } from './recency-list.ts';
import { MAX_REPOSITORY_LENGTH, type RefusedPull } from './refused-pull.ts';
import {
  type OnceTurn,
  RememberedPull,
  RepositoryPulls,
  copyOf,
  createPull,
} from './repository-pulls.ts';

/** How many pulls are remembered. */
export interface PullLimits {
  /** Of all repositories that the store knows; more than of one. */
  readonly known: number;
  /** Of all others; more than of one. */
  readonly others: number;
  readonly ofRepository: number;
}

export type IsKnown = (repository: string) => boolean;

/** Repositories with their pulls, within a bound. */
class Pool {
  readonly limit: number;
  size = 0;
  /** The one that was asked for last is last. */
  readonly #repositories = new RecencyList<RepositoryPulls>();
  /** Those among them of which pulls were seen once only, in the same order. */
  readonly #once = new RecencyList<OnceTurn>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get repositories(): Iterable<RepositoryPulls> {
    return this.#repositories;
  }

  *pulls(): Generator<RememberedPull> {
    for (const repository of this.#repositories) yield* repository;
  }

  /**
   * The one to forget first: of those seen once, else of those seen again, one of the repository that
   * was asked for least recently.
   */
  get leastWorth(): RememberedPull | undefined {
    return (this.#once.oldest?.repository ?? this.#repositories.oldest)?.leastWorth;
  }

  /** Adds a repository that is in no pool, as the one that was asked for last. */
  add(repository: RepositoryPulls): void {
    this.#repositories.add(repository);
    this.size += repository.size;
    this.sortTurn(repository);
  }

  remove(repository: RepositoryPulls): void {
    this.#repositories.remove(repository);
    this.size -= repository.size;
    if (repository.onceTurn.isListed) this.#removeTurn(repository.onceTurn);
  }

  renew(repository: RepositoryPulls): void {
    this.#repositories.renew(repository);
    if (repository.onceTurn.isListed) this.#once.renew(repository.onceTurn);
  }

  /**
   * To be called when the pulls of a repository have changed. One that begins to have some that were
   * seen once is the one that was asked for last.
   */
  sortTurn({ onceTurn, hasOnce }: RepositoryPulls): void {
    if (hasOnce === onceTurn.isListed) return;
    if (!hasOnce) {
      this.#removeTurn(onceTurn);
      return;
    }
    this.#once.add(onceTurn);
    onceTurn.isListed = true;
  }

  #removeTurn(turn: OnceTurn): void {
    this.#once.remove(turn);
    turn.isListed = false;
  }
}

export class PullMemory {
  readonly #isKnown: IsKnown;
  readonly #mostOfRepository: number;
  readonly #known: Pool;
  readonly #others: Pool;
  readonly #repositories = new Map<string, RepositoryPulls>();
  readonly #pulls = new Map<string, RememberedPull>();
  #dropped: number;

  /** `dropped` were forgotten in earlier runs. */
  constructor(isKnown: IsKnown, limits: PullLimits, dropped: number) {
    this.#isKnown = isKnown;
    this.#mostOfRepository = limits.ofRepository;
    this.#known = new Pool(limits.known);
    this.#others = new Pool(limits.others);
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#pulls.size;
  }

  /** How many were forgotten for lack of room, and how often one was too long to remember. */
  get dropped(): number {
    return this.#dropped;
  }

  find(directory: string): RememberedPull | undefined {
    return this.#pulls.get(directory);
  }

  /** Those of known repositories, or of others; the repository that was asked for last is last. */
  pulls(areKnown: boolean): Iterable<RememberedPull> {
    return this.#poolFor(areKnown).pulls();
  }

  see(pull: RememberedPull, client: string, now: number): void {
    const { repository } = pull;
    repository.see(pull, client, now);
    this.#poolOf(repository).sortTurn(repository);
    // Only now: what has to go when the repository becomes known is not what was just seen again.
    this.#renew(repository);
  }

  /** Remembers a directory that is not remembered yet. */
  seeFirst(directory: string, client: string, now: number): void {
    if (repositoryIn(directory).length > MAX_REPOSITORY_LENGTH) {
      this.#dropped++;
      return;
    }
    const copy = copyOf(directory);
    const name = repositoryIn(copy);
    const repository = this.#repositories.get(name) ?? this.#create(name, this.#isKnown(name));
    this.#renew(repository);
    this.#add(createPull(repository, copy, client, now));
  }

  /** Takes in a pull of an earlier run, as the last one; the store need not be loaded yet. */
  restore(pull: RefusedPull, isKnown: boolean): void {
    const { directory } = pull;
    if (this.#pulls.has(directory)) return;
    const name = repositoryIn(directory);
    const repository = this.#repositories.get(name) ?? this.#create(name, isKnown);
    this.#poolOf(repository).renew(repository);
    this.#add(new RememberedPull(repository, pull));
  }

  remove(pull: RememberedPull): void {
    const { repository } = pull;
    const pool = this.#poolOf(repository);
    this.#pulls.delete(pull.directory);
    repository.remove(pull);
    pool.size--;
    pool.sortTurn(repository);
    if (repository.size > 0) return;
    this.#repositories.delete(repository.name);
    pool.remove(repository);
  }

  /** Asks of all repositories whether the store knows them now; tells whether that changed. */
  sortRepositories(): boolean {
    const changed = [...this.#known.repositories, ...this.#others.repositories].filter(
      ({ name, isKnown }) => this.#isKnown(name) !== isKnown,
    );
    for (const repository of changed) this.#move(repository);
    // Only now, when those that leave a pool have made room for those that come into it.
    this.#shrink(this.#known);
    this.#shrink(this.#others);
    return changed.length > 0;
  }

  #renew(repository: RepositoryPulls): void {
    // One that is no longer known waits for its turn to be sorted.
    if (!repository.isKnown && this.#isKnown(repository.name)) {
      this.#move(repository);
      this.#shrink(this.#known);
    } else {
      this.#poolOf(repository).renew(repository);
    }
  }

  /** Into the other pool, as the one that was asked for last. */
  #move(repository: RepositoryPulls): void {
    this.#poolOf(repository).remove(repository);
    repository.isKnown = !repository.isKnown;
    this.#poolOf(repository).add(repository);
  }

  #shrink(pool: Pool): void {
    while (pool.size > pool.limit) this.#drop(pool);
  }

  #create(name: string, isKnown: boolean): RepositoryPulls {
    const repository = new RepositoryPulls(name, isKnown);
    this.#register(repository);
    return repository;
  }

  #register(repository: RepositoryPulls): void {
    this.#repositories.set(repository.name, repository);
    this.#poolOf(repository).add(repository);
  }

  /** Adds a pull of the repository that was asked for last. */
  #add(pull: RememberedPull): void {
    const { repository } = pull;
    const pool = this.#poolOf(repository);
    if (repository.size >= this.#mostOfRepository) this.#drop(repository);
    else if (pool.size >= pool.limit) this.#drop(pool);
    // What had to go may have been the only other pull of the repository.
    if (!this.#repositories.has(repository.name)) this.#register(repository);
    this.#pulls.set(pull.directory, pull);
    repository.add(pull);
    pool.size++;
    pool.sortTurn(repository);
  }

  #drop({ leastWorth }: Pool | RepositoryPulls): void {
    if (!leastWorth) return;
    this.remove(leastWorth);
    this.#dropped++;
  }

  #poolOf({ isKnown }: RepositoryPulls): Pool {
    return this.#poolFor(isKnown);
  }

  #poolFor(isKnown: boolean): Pool {
    return isKnown ? this.#known : this.#others;
  }
}
