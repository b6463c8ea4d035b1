// The reasons that a log has: as good as can be had at once, whatever strangers ask for.
import { guessByName, guessReason } from '../../generator/explain/find-reasons.ts';
import type { ReasonCode } from '../../generator/explain/reason.ts';
import type { Sight } from '../../generator/explain/rejected-for.ts';
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

/** How much may be looked into: so often at once, and once more in each interval. */
const QUESTIONS = 32;
/** Milliseconds. */
const INTERVAL = 500;
/** A line of a log waits so long for git. Milliseconds. */
const PATIENCE = 500;
/** Codes that are remembered; all are forgotten beyond. */
const MOST = 10_000;
const DIGEST_LENGTH = '@sha256='.length + 64;

/** Makes the function that gives a code at once, or in half a second at most. */
export function createLoggedReasons(
  options: LoggedReasonsOptions,
): (directory: string) => ReasonCode | Promise<ReasonCode> {
  const { sight, reasonOf, hasHistory, wasRemoved } = options;
  const codes = new Map<string, ReasonCode | Promise<ReasonCode>>();
  let stamp = '';
  const mayAsk = createAllowance();

  const isRemembered = (directory: string): ReasonCode | Promise<ReasonCode> | undefined => {
    if (stamp !== options.stamp() || codes.size >= MOST) codes.clear();
    stamp = options.stamp();
    return reasonOf(directory) ?? codes.get(directory);
  };

  const askGit = async (directory: string, guess: ReasonCode): Promise<ReasonCode> =>
    new Promise((resolve) => {
      const settle = (code: ReasonCode): void => {
        clearTimeout(timer);
        codes.set(directory, code);
        resolve(code);
      };
      const timer = setTimeout(() => settle(guess), PATIENCE).unref();
      wasRemoved(directory).then(
        (isRemoved) => settle(isRemoved ? 'removed' : guess),
        () => settle(guess),
      );
    });

  return (directory) => {
    const known = sight();
    const repository = directory.slice(0, -DIGEST_LENGTH);
    if (!known) return 'unknown-repository';
    const isLong = repository.length > MAX_REPOSITORY_LENGTH;
    if (isLong) return guessByName(known.store, repository);
    const remembered = isRemembered(directory);
    if (remembered !== undefined) return remembered;
    if (!mayAsk()) return guessByName(known.store, repository);
    const guess = guessReason(known, directory);
    const code = guess === 'quarantined' || !hasHistory() ? guess : askGit(directory, guess);
    codes.set(directory, code);
    return code;
  };
}

/** Strangers can ask for any number of images. */
function createAllowance(): () => boolean {
  let used = 0;
  let countedAt = 0;
  return () => {
    const intervals = Math.floor((performance.now() - countedAt) / INTERVAL);
    if (intervals > 0) {
      used = Math.max(0, used - intervals);
      countedAt = performance.now();
    }
    if (used >= QUESTIONS) return false;
    used++;
    return true;
  };
}
