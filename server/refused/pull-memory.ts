// Remembers refused pulls within bounds, whatever strangers ask for. Whoever asks for invented
// repositories pushes out no pull of a repository that the store knows; whoever asks for invented
// digests of repositories that it knows, once each, pushes out no pull that was seen again. A step
// looks at the first entries of a few maps, never through all pulls.
import { MAX_REPOSITORY_LENGTH, type RefusedPull, seeAgain, seeFirst } from './refused-pull.ts';

/** How many pulls are remembered. */
export interface PullLimits {
  /** Of all repositories that the store knows; more than of one. */
  readonly known: number;
  /** Of all others; more than of one. */
  readonly others: number;
  readonly ofRepository: number;
}

export type IsKnown = (repository: string) => boolean;

/** The refused pulls of one repository, in two generations: maps whose last entry was seen last. */
class RepositoryPulls {
  /** `[prefix/]namespace/repo`. */
  readonly name: string;
  /** Whether the store knew it when that was last asked. */
  isKnown: boolean;
  readonly #once = new Map<string, RefusedPull>();
  /** Nodes try again; scanners do not. */
  readonly #again = new Map<string, RefusedPull>();

  constructor(name: string, isKnown: boolean) {
    this.name = name;
    this.isKnown = isKnown;
  }

  get size(): number {
    return this.#once.size + this.#again.size;
  }

  get hasOnce(): boolean {
    return this.#once.size > 0;
  }

  /** The one to forget first: the oldest of those seen once, then of those seen again. */
  get leastWorth(): RefusedPull | undefined {
    return firstOf(this.#once.values()) ?? firstOf(this.#again.values());
  }

  find(directory: string): RefusedPull | undefined {
    return this.#again.get(directory) ?? this.#once.get(directory);
  }

  /** Puts a pull in as the one that was seen last, in place of what was known of it. */
  put(pull: RefusedPull): void {
    this.remove(pull.directory);
    (pull.count > 1 ? this.#again : this.#once).set(pull.directory, pull);
  }

  /** False if it is not there. */
  remove(directory: string): boolean {
    return this.#again.delete(directory) || this.#once.delete(directory);
  }

  /** Those to forget first are first. */
  *pulls(): Generator<RefusedPull> {
    yield* this.#once.values();
    yield* this.#again.values();
  }
}

/** Repositories within a bound, by name: the last entry was asked for last. */
class Pool {
  readonly limit: number;
  /** Of the pulls of all its repositories. */
  size = 0;
  readonly repositories = new Map<string, RepositoryPulls>();
  /** Those among them that have pulls seen once only. */
  readonly #withOnce = new Set<RepositoryPulls>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** The repository that has to give up a pull first. */
  get leastWorth(): RepositoryPulls | undefined {
    return firstOf(this.#withOnce.values()) ?? firstOf(this.repositories.values());
  }

  *pulls(): Generator<RefusedPull> {
    for (const repository of this.repositories.values()) yield* repository.pulls();
  }

  /** Puts a repository in as the one that was asked for last. */
  renew(repository: RepositoryPulls): void {
    this.remove(repository);
    this.repositories.set(repository.name, repository);
    if (repository.hasOnce) this.#withOnce.add(repository);
  }

  remove(repository: RepositoryPulls): void {
    this.repositories.delete(repository.name);
    this.#withOnce.delete(repository);
  }

  /** To be called when a pull of a repository was taken out. */
  takeOut(repository: RepositoryPulls): void {
    this.size--;
    if (!repository.hasOnce) this.#withOnce.delete(repository);
    if (repository.size === 0) this.repositories.delete(repository.name);
  }
}

export class PullMemory {
  readonly #isKnown: IsKnown;
  readonly #mostOfRepository: number;
  readonly #known: Pool;
  readonly #others: Pool;
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
    return this.#known.size + this.#others.size;
  }

  /** How many were forgotten for lack of room, and how often one was too long to remember. */
  get dropped(): number {
    return this.#dropped;
  }

  find(directory: string): RefusedPull | undefined {
    return this.#repositoryOf(directory)?.find(directory);
  }

  /** Those of known repositories, or of others; the repository that was asked for last is last. */
  pulls(areKnown: boolean): Iterable<RefusedPull> {
    return (areKnown ? this.#known : this.#others).pulls();
  }

  /** Counts a lookup by a client; tells whether the directory was remembered already. */
  see(directory: string, client: string, now: number): boolean {
    const repository = this.#repositoryOf(directory);
    const pull = repository?.find(directory);
    if (repository && pull) {
      repository.put(seeAgain(pull, client, now));
      // Only now: what has to go when the repository becomes known is not what was just seen again.
      this.#renew(repository);
      return true;
    }
    if (nameIn(directory).length > MAX_REPOSITORY_LENGTH) {
      this.#dropped++;
      return false;
    }
    const first = seeFirst(directory, client, now);
    const name = nameIn(first.directory);
    if (repository) this.#renew(repository);
    this.#add(repository ?? new RepositoryPulls(name, this.#isKnown(name)), first);
    return false;
  }

  /** Takes in a pull of an earlier run, as the last one; the store need not be loaded yet. */
  restore(pull: RefusedPull, isKnown: boolean): void {
    const { directory } = pull;
    const repository =
      this.#repositoryOf(directory) ?? new RepositoryPulls(nameIn(directory), isKnown);
    if (repository.find(directory)) return;
    this.#poolOf(repository).renew(repository);
    this.#add(repository, pull);
  }

  remove({ directory }: RefusedPull): void {
    const repository = this.#repositoryOf(directory);
    if (repository?.remove(directory)) this.#poolOf(repository).takeOut(repository);
  }

  /** Asks of all repositories whether the store knows them now; tells whether that changed. */
  sortRepositories(): boolean {
    const changed = [
      ...this.#known.repositories.values(),
      ...this.#others.repositories.values(),
    ].filter(({ name, isKnown }) => this.#isKnown(name) !== isKnown);
    for (const repository of changed) this.#move(repository);
    // Only now, when those that leave a pool have made room for those that come into it.
    this.#shrink(this.#known);
    this.#shrink(this.#others);
    return changed.length > 0;
  }

  #renew(repository: RepositoryPulls): void {
    // One that is no longer known waits until repositories are sorted.
    if (!repository.isKnown && this.#isKnown(repository.name)) {
      this.#move(repository);
      this.#shrink(this.#known);
    } else {
      this.#poolOf(repository).renew(repository);
    }
  }

  /** Into the other pool, as the one that was asked for last. */
  #move(repository: RepositoryPulls): void {
    const from = this.#poolOf(repository);
    from.remove(repository);
    from.size -= repository.size;
    repository.isKnown = !repository.isKnown;
    const to = this.#poolOf(repository);
    to.renew(repository);
    to.size += repository.size;
  }

  /** Adds a pull of the repository that was asked for last. */
  #add(repository: RepositoryPulls, pull: RefusedPull): void {
    const pool = this.#poolOf(repository);
    if (repository.size >= this.#mostOfRepository) this.#drop(repository);
    else if (pool.size >= pool.limit) this.#drop(pool.leastWorth);
    repository.put(pull);
    pool.size++;
    // What had to go may have been its only other pull, and the repository with it.
    pool.renew(repository);
  }

  #shrink(pool: Pool): void {
    while (pool.size > pool.limit) this.#drop(pool.leastWorth);
  }

  #drop(repository: RepositoryPulls | undefined): void {
    const pull = repository?.leastWorth;
    if (!pull) return;
    this.remove(pull);
    this.#dropped++;
  }

  #repositoryOf(directory: string): RepositoryPulls | undefined {
    const name = nameIn(directory);
    return this.#known.repositories.get(name) ?? this.#others.repositories.get(name);
  }

  #poolOf({ isKnown }: RepositoryPulls): Pool {
    return isKnown ? this.#known : this.#others;
  }
}

/** The repository's name in a directory. */
function nameIn(directory: string): string {
  return directory.slice(0, directory.lastIndexOf('@'));
}

function firstOf<Item>(items: Iterator<Item, undefined>): Item | undefined {
  return items.next().value;
}
