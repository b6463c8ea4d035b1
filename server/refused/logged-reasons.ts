// The reasons that a log has: as good as can be had at once, whatever strangers ask for.
import { guessByName, guessReason } from '../../generator/explain/find-reasons.ts';
import type { ReasonCode } from '../../generator/explain/reason.ts';
import type { Sight } from '../../generator/explain/rejected-for.ts';
import { repositoryIn } from '../../generator/terms/release-location.ts';
import { MAX_REPOSITORY_LENGTH } from './refused-pull.ts';

export interface LoggedReasonsOptions {
  /** Undefined before the first generation. */
  readonly sight: () => Sight | undefined;
  /** Changes when codes do not hold any more. */
  readonly stamp: () => string;
  /** What was found out already. */
  readonly reasonOf: (directory: string) => ReasonCode | undefined;
  /** Whether git can be asked. */
  readonly hasHistory: () => boolean;
  readonly wasRemoved: (directory: string) => Promise<boolean>;
}

/** How much may be looked into: this many at once, and one more in each interval. */
const QUESTIONS = 32;
/** Milliseconds. */
const INTERVAL = 500;
/** A line of a log waits this long for git. Milliseconds. */
const PATIENCE = 500;
/** Codes that are remembered; beyond, all are forgotten. */
const MOST = 10_000;

/** Strangers can ask for any number of images: few of them are looked into. */
class Allowance {
  #used = 0;
  #countedAt = 0;

  take(): boolean {
    const intervals = Math.floor((performance.now() - this.#countedAt) / INTERVAL);
    if (intervals > 0) {
      this.#used = Math.max(0, this.#used - intervals);
      this.#countedAt = performance.now();
    }
    if (this.#used >= QUESTIONS) return false;
    this.#used++;
    return true;
  }
}

export class LoggedReasons {
  readonly #options: LoggedReasonsOptions;
  readonly #allowance = new Allowance();
  readonly #codes = new Map<string, ReasonCode | Promise<ReasonCode>>();
  #stamp = '';

  constructor(options: LoggedReasonsOptions) {
    this.#options = options;
  }

  /** At once, or in half a second at most. */
  codeOf(directory: string): ReasonCode | Promise<ReasonCode> {
    const sight = this.#options.sight();
    if (!sight) return 'unknown-repository';
    const repository = repositoryIn(directory);
    if (repository.length > MAX_REPOSITORY_LENGTH) return guessByName(sight.store, repository);
    const remembered = this.#recall(directory);
    if (remembered !== undefined) return remembered;
    if (!this.#allowance.take()) return guessByName(sight.store, repository);
    const guess = guessReason(sight, directory);
    const isFound = guess === 'quarantined' || !this.#options.hasHistory();
    const code = isFound ? guess : this.#askGit(directory, guess);
    this.#codes.set(directory, code);
    return code;
  }

  #recall(directory: string): ReasonCode | Promise<ReasonCode> | undefined {
    const stamp = this.#options.stamp();
    if (this.#stamp !== stamp || this.#codes.size >= MOST) this.#codes.clear();
    this.#stamp = stamp;
    return this.#options.reasonOf(directory) ?? this.#codes.get(directory);
  }

  async #askGit(directory: string, guess: ReasonCode): Promise<ReasonCode> {
    return new Promise((resolve) => {
      const settle = (code: ReasonCode): void => {
        clearTimeout(timer);
        this.#codes.set(directory, code);
        resolve(code);
      };
      const timer = setTimeout(() => settle(guess), PATIENCE).unref();
      this.#options.wasRemoved(directory).then(
        (isRemoved) => settle(isRemoved ? 'removed' : guess),
        () => settle(guess),
      );
    });
  }
}
