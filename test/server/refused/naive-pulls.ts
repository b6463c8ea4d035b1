// The record of refused pulls, told as plainly as can be: lists that are looked through each time.
import type { PullLimits } from '../../../server/refused/pull-memory.ts';
import {
  MAX_CLIENTS,
  MAX_REPOSITORY_LENGTH,
  MAX_UNSEEN,
} from '../../../server/refused/refused-pull.ts';

export interface NaivePull {
  readonly directory: string;
  readonly repository: string;
  /** All of them, the newest first. */
  clients: readonly string[];
  times: readonly number[];
}

const isOnce = ({ times }: NaivePull): boolean => times.length === 1;

export class NaivePulls {
  readonly known: ReadonlySet<string>;
  readonly limits: PullLimits;
  /** The one that was seen last is last. */
  pulls: readonly NaivePull[] = [];
  /** The one that was asked for last is last. */
  repositories: readonly { readonly name: string; readonly isKnown: boolean }[] = [];
  readonly dropped: NaivePull[] = [];
  readonly resolved: NaivePull[] = [];
  readonly unseen: NaivePull[] = [];
  tooLong = 0;

  constructor(known: ReadonlySet<string>, limits: PullLimits) {
    this.known = known;
    this.limits = limits;
  }

  record(directory: string, client: string, now: number): void {
    const repository = directory.slice(0, directory.lastIndexOf('@'));
    if (repository.length > MAX_REPOSITORY_LENGTH) {
      this.tooLong++;
      return;
    }
    const before = this.repositories.find(({ name }) => name === repository);
    const isKnown = before?.isKnown === true || this.known.has(repository);
    const pull = this.pulls.find((one) => one.directory === directory);
    const { clients, times } = pull ?? { clients: [], times: [] };
    const seen = {
      directory,
      repository,
      clients: [client, ...clients.filter((one) => one !== client)],
      times: [...times, now],
    };
    // One that is seen again counts as such when others have to go.
    if (pull) this.pulls = [...this.pulls.filter((one) => one !== pull), seen];
    this.place(repository, isKnown);
    this.shrink(isKnown, 0);
    if (pull) return;
    if (this.of(repository).length >= this.limits.ofRepository) this.drop(repository);
    this.shrink(isKnown, 1);
    this.place(repository, isKnown);
    this.pulls = [...this.pulls, seen];
  }

  forgetUnseen(now: number): void {
    const unseen = this.pulls.filter(({ times }) => (times.at(-1) ?? 0) <= now - MAX_UNSEEN);
    for (const pull of unseen) this.forget(pull);
    this.unseen.push(...unseen);
  }

  settle(isSigned: (directory: string) => boolean): readonly NaivePull[] {
    const signed = this.pulls.filter(({ directory }) => isSigned(directory));
    for (const pull of signed) this.forget(pull);
    this.resolved.push(...signed);
    for (const { name, isKnown } of this.repositories) {
      if (isKnown !== this.known.has(name)) this.place(name, !isKnown);
    }
    this.shrink(true, 0);
    this.shrink(false, 0);
    return signed;
  }

  shown(pull: NaivePull) {
    const lastSeen = pull.times.at(-1);
    return {
      directory: pull.directory,
      count: pull.times.length,
      firstSeen: Math.min(...pull.times),
      lastSeen,
      clients: pull.clients.slice(0, MAX_CLIENTS),
      hasMoreClients: pull.clients.length > MAX_CLIENTS,
    };
  }

  /** Puts a repository last in a pool, whichever it was in. */
  place(name: string, isKnown: boolean): void {
    const rest = this.repositories.filter((one) => one.name !== name);
    this.repositories = [...rest, { name, isKnown }];
  }

  of(repository: string): readonly NaivePull[] {
    return this.pulls.filter((pull) => pull.repository === repository);
  }

  inPool(isKnown: boolean): readonly NaivePull[] {
    const names = this.repositories.filter((one) => one.isKnown === isKnown);
    return names.flatMap(({ name }) => this.of(name));
  }

  /** Makes room for so many pulls in a pool. */
  shrink(isKnown: boolean, needed: number): void {
    const limit = isKnown ? this.limits.known : this.limits.others;
    while (this.inPool(isKnown).length + needed > limit) {
      const inPool = this.repositories.filter((one) => one.isKnown === isKnown);
      const withOnce = inPool.find(({ name }) => this.of(name).some(isOnce));
      this.drop((withOnce ?? inPool[0])?.name ?? '');
    }
  }

  drop(repository: string): void {
    const all = this.of(repository);
    const pull = all.find(isOnce) ?? all[0];
    if (!pull) throw new Error(`nothing to drop of ${repository}`);
    this.forget(pull);
    this.dropped.push(pull);
  }

  forget(pull: NaivePull): void {
    this.pulls = this.pulls.filter((one) => one !== pull);
    if (this.of(pull.repository).length > 0) return;
    this.repositories = this.repositories.filter(({ name }) => name !== pull.repository);
  }
}
