// Unexpected exceptions: which ones the server survives, and which must end it.
//
// The way of a lookup is what happens between the bytes of a request for a location and the bytes of
// its answer, with what is counted and logged of it, and the step in which the store of one state
// becomes that of the next. All of it is synchronous. An exception there may have left a wrong
// answer, or half of a state, so it becomes a `LookupFailure`, and that ends the process: a
// supervisor starts it again, from what is on disk.
//
// Everything else is background: refreshes, reloads, history, searches, pages, metrics, files of the
// state directory. An exception there fails that work only; it is counted and reported, and the work is
// tried again when it is due. When more than `MOST_UNCAUGHT` exceptions a minute are caught nowhere, so
// that nobody knows what they broke, the server ends as well.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Troubles } from './troubles.ts';

/** How many uncaught exceptions in a minute are survived. */
export const MOST_UNCAUGHT = 10;
const MINUTE = 60_000;
/** The trouble is over when nothing has failed for so long. Milliseconds. */
const QUIET_AFTER = 3_600_000;
/** The most lines of a stack that are logged, and characters of a line. */
const STACK_LINES = 16;
const STACK_WIDTH = 300;

/** An exception in the way of a lookup. */
export class LookupFailure extends Error {
  override readonly name = 'LookupFailure';
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** Runs what lookups depend on; any exception becomes a `LookupFailure`. */
export function inTheWay<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw new LookupFailure(error);
  }
}

/** Whether an error is a fault of this program rather than of disk, git or network. */
export function isUnexpected(error: unknown): boolean {
  return [LookupFailure, TypeError, RangeError, ReferenceError].some(
    (kind) => error instanceof kind,
  );
}

export interface FailuresOptions {
  readonly troubles: Troubles;
  readonly log: ProgramLog;
  /** Ends the process, and says why. */
  readonly end: (why: string) => void;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  /** Milliseconds without a failure after which the trouble is over. */
  readonly quietAfter?: number;
}

export class Failures {
  readonly #options: FailuresOptions;
  #count = 0;
  /** When the latest uncaught exceptions came, the newest last. */
  #uncaught: readonly number[] = [];
  #quiet: NodeJS.Timeout | undefined;

  constructor(options: FailuresOptions) {
    this.#options = options;
  }

  /** Failures of the background since the start. */
  get count(): number {
    return this.#count;
  }

  /** Counts and reports a failure that has ended some work; `what` names the work. */
  note(what: string, error: unknown): void {
    const { troubles, log, quietAfter = QUIET_AFTER } = this.#options;
    const isFatal = error instanceof LookupFailure;
    const message = `${isFatal ? 'a lookup' : what} failed unexpectedly: ${describe(error)}`;
    log.error({ stack: stackOf(isFatal ? error.cause : error) }, message);
    if (isFatal) {
      this.#options.end(message);
      return;
    }
    this.#count++;
    troubles.raise('background-failure', { message, hint: HINT });
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => troubles.clear('background-failure'), quietAfter).unref();
  }

  /** Takes an exception that nobody caught. */
  take(error: unknown): void {
    this.note('work in the background', error);
    const now = this.#options.elapsed();
    this.#uncaught = [...this.#uncaught.filter((at) => now - at < MINUTE), now];
    if (this.#uncaught.length <= MOST_UNCAUGHT) return;
    const many = `more than ${MOST_UNCAUGHT} unexpected failures in a minute`;
    this.#options.end(`${many}, the last of them: ${describe(error)}`);
  }
}

const HINT = 'report it with the stack from the log; lookups go on without a restart';

function describe(error: unknown): string {
  const cause = error instanceof LookupFailure ? error.cause : error;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}

/** One entry per line. */
function stackOf(error: unknown): readonly string[] {
  const { stack = '' } = error instanceof Error ? error : {};
  const [, ...lines] = stack.split('\n');
  return lines.slice(0, STACK_LINES).map((line) => line.trim().slice(0, STACK_WIDTH));
}
