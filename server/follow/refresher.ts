// When the source is asked, and when verdicts are asked for again. One thing at a time; requests that
// come meanwhile become one more refresh, and the last of them wins. A refresh that fails, or that
// does not yet find the pushed commit, is tried again with back-off, and what was good is served on.
// At a start the state that was published last comes into force before the source is asked.
import { SourceError } from '../../generator/sources/source.ts';
import type { RejectedFile } from '../../generator/store/report.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { RejectionCode } from '../../generator/terms/rejection.ts';
import { toLine } from '../../generator/terms/text.ts';
import { type Failures, LookupFailure, isUnexpected } from '../troubles/failures.ts';
import {
  type Advance,
  type Generation,
  Generations,
  type GenerationsOptions,
} from './generations.ts';
import type { StoreJudge } from './judge-with-memory.ts';
import { patience } from './judging-again.ts';
import type { Refusal } from './refusals.ts';
import { UndecidedPace } from './undecided-pace.ts';
import { WallClock } from './wall-clock.ts';

/** What asked for a refresh. */
export type Reason =
  'start' | 'webhook' | 'poll' | 'signal' | 'request' | 'change' | 'retry' | 'clock';

/** How a refresh went. */
export interface LastRefresh {
  /** ISO 8601. */
  readonly at: string;
  readonly reason: Reason;
  readonly result: Advance['result'] | 'failed';
  readonly durationMs: number;
}

export interface RefreshStatus {
  readonly generation: Generation | null;
  readonly lastRefresh: LastRefresh | null;
  /** When the refresh began that runs now, ISO 8601; null while none does. */
  readonly runningSince: string | null;
  /** Why the newest state of the source is not served; null when it is. */
  readonly lastError: { readonly at: string; readonly message: string } | null;
}

export interface RefresherOptions extends GenerationsOptions {
  /** Gives a number of milliseconds that only grows. */
  readonly elapsed: () => number;
  /** Looks for gpgv anew; called before everything is judged anew. */
  readonly lookForGpgv: () => Promise<void>;
  /** Whether there is a gpgv now that can be asked. */
  readonly hasGpgv: () => Promise<boolean>;
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  /** Called when a refresh has ended, unless the stop cut it short. */
  readonly onRefresh: (refresh: LastRefresh) => void;
}

interface Request {
  readonly reason: Reason;
  /** Tries so far. */
  readonly attempt: number;
}

type Codes = ReadonlyMap<RejectionCode, number>;
const NO_CODES: Codes = new Map();

/** First and longest pause between tries, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 60_000;
/** A pushed commit that is not visible after this many tries (about 15 seconds) is given up. */
const COMMIT_TRIES = 7;
/** A jump of the clock is told for this long. Milliseconds. */
const JUMP_TOLD = 3_600_000;
/** What could not be judged again, as the bytes could not be read, is tried again after this. Milliseconds. */
const RENEW_AGAIN = 30_000;
/** What judging again may hold up a refresh; it goes on afterwards. Milliseconds. */
const RENEW_SLICE = 1000;
/** What a pass over files without a verdict may take before others have their turn. Milliseconds. */
const UNDECIDED_SLICE = 5000;

export class Refresher {
  readonly #options: RefresherOptions;
  readonly #generations: Generations;
  readonly #clock: WallClock;
  #lastRefresh: LastRefresh | null = null;
  #lastError: RefreshStatus['lastError'] = null;
  #runningSince: string | null = null;
  /** A pushed commit that has not been seen yet. */
  #awaited: string | undefined;
  #pending: Request | undefined;
  #running: Promise<void> | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  /** Whether the newest state waits for long: what comes after it does not. */
  #isPostponed = false;
  #stopped = false;
  #mustLookForGpgv = false;
  /** Times of the clock that only goes on. */
  #workedAt = -Infinity;
  #renewAt = -Infinity;
  #jumpedAt: number | undefined;
  readonly #undecidedPace: UndecidedPace;
  /** Files of a state that is refused are in no store, and do not change without a refresh. */
  #counted: { readonly since: LastRefresh | null; readonly codes: Codes } | undefined;

  /** Nothing is done before the start. */
  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#generations = new Generations(options);
    const { now, elapsed } = options;
    this.#undecidedPace = new UndecidedPace(elapsed);
    this.#clock = new WallClock({ now, elapsed, onTick: this.#tick, onJump: this.#onJump });
  }

  /** The store in force; undefined before the first generation. */
  readonly store = (): SignatureStore | undefined => this.#generations.store;

  /** Files that are not served because of a fault: quarantined, or of a refused state. */
  readonly rejected = (): Iterable<RejectedFile> => this.#generations.rejected();

  /** Those that have to do with a digest, given as 64 lower-case hexadecimal digits. */
  readonly rejectedOf = (digestHex: string): readonly RejectedFile[] =>
    this.#generations.rejectedOf(digestHex);

  /** The commit of the newest state of the source, in force or refused. */
  readonly newestCommit = (): string | null => this.#generations.newestCommit;
  readonly isNoted = (): boolean => this.#generations.isNoted;

  readonly status = (): RefreshStatus => ({
    generation: this.#generations.current,
    lastRefresh: this.#lastRefresh,
    lastError: this.#lastError,
    runningSince: this.#runningSince,
  });

  /**
   * How many files are rejected, by code. Costs nothing, unless what is newest is refused as a whole:
   * then all of them are counted, once after each refresh.
   */
  readonly rejectedCodes = (): Codes => {
    if (this.#options.onInvalid === 'quarantine') {
      return this.#generations.store?.rejectedCodes ?? NO_CODES;
    }
    if (this.#counted?.since !== this.#lastRefresh) this.#counted = undefined;
    const codes = this.#counted?.codes ?? countCodes(this.#generations.rejected());
    this.#counted = { since: this.#lastRefresh, codes };
    return codes;
  };

  /** Brings what was published last into force, then loads the source, and follows it from then on. */
  readonly start = (): void => {
    if (this.#stopped) return;
    this.#clock.start();
    this.#enqueue({ reason: 'start', attempt: 0 });
  };

  /** Asks for a refresh; with a commit, until that commit is served or back-off gives up. */
  readonly request = (reason: Reason, commit?: string): void => {
    // A retry comes anyway; a poll in its place would begin the back-off anew.
    if (reason === 'poll' && this.#retryTimer !== undefined && !this.#isPostponed) return;
    this.#awaited = commit ?? this.#awaited;
    this.#enqueue({ reason, attempt: 0 });
  };

  /** Everything is judged by another rule, with the refresh that is asked for next. */
  readonly replaceJudge = (judge: StoreJudge): void => this.#generations.replaceJudge(judge);

  /** Everything is judged anew, with the refresh that is asked for next. */
  readonly judgeAnew = (): void => {
    this.#mustLookForGpgv = true;
    this.#generations.judgeAnew();
  };

  /** Looks at the clock now, as is done every second. */
  readonly lookAtClock = (): void => this.#clock.look();

  /** Settles when nothing runs, and nothing was asked for meanwhile. */
  readonly idle = async (): Promise<void> => {
    while (this.#running) await this.#running;
  };

  /** Settles when what runs has ended; nothing follows. */
  readonly stop = async (): Promise<void> => {
    this.#stopped = true;
    this.#pending = undefined;
    this.#clock.stop();
    clearTimeout(this.#retryTimer);
    await this.#running;
    await this.#generations.close();
  };

  #enqueue(request: Request): void {
    if (this.#stopped) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#pending = request;
    this.#running ??= this.#work();
  }

  /** Does what is given first, and then what is asked for. */
  async #work(first?: () => Promise<void>): Promise<void> {
    const { failures, now } = this.#options;
    try {
      if (first) await first();
    } catch (error) {
      failures.note('judging again', error);
    }
    while (this.#pending) {
      const request = this.#pending;
      this.#pending = undefined;
      try {
        this.#runningSince = now().toISOString();
        await this.#run(request);
      } catch (error) {
        failures.note('a refresh', error);
        const next = { reason: 'retry' as const, attempt: request.attempt + 1 };
        this.#retryIn(pauseBefore(next), next);
      } finally {
        this.#runningSince = null;
      }
    }
    this.#noteUndecided();
    this.#workedAt = this.#options.elapsed();
    this.#running = undefined;
  }

  /** Whether something else is waiting for its turn. */
  readonly #isWanted = (): boolean => this.#stopped || this.#pending !== undefined;

  async #run({ reason, attempt }: Request): Promise<void> {
    const startedAt = performance.now();
    if (!this.#generations.store) await this.#recall();
    if (this.#stopped) return;
    const isOver = patience(RENEW_SLICE);
    const isRenewed = await this.#renew(() => this.#isWanted() || isOver());
    const advance = await this.#advance();
    // Cut short by the stop.
    if (!advance) return;
    const result = advance.result === 'unchanged' && isRenewed ? 'changed' : advance.result;
    this.#tellOutcome(result);
    const durationMs = Math.round(performance.now() - startedAt);
    const at = this.#options.now().toISOString();
    this.#lastRefresh = { at, reason, result, durationMs };
    this.#options.onRefresh(this.#lastRefresh);
    if (result === 'changed') this.#logChange('refreshed', { reason, durationMs });
    const again = advance.result === 'refused' ? advance.again : undefined;
    this.#isPostponed = again !== undefined;
    if (again !== undefined) this.#retryIn(again, { reason: 'retry', attempt: 0 });
    else await this.#retryIfNeeded({ reason: 'retry', attempt: attempt + 1 }, result);
  }

  async #recall(): Promise<void> {
    try {
      await this.#generations.recall();
    } catch (error) {
      if (error instanceof LookupFailure) throw error;
      if (this.#stopped) return;
      const reason = messageOf(error);
      this.#options.log.warn({ error: reason }, 'the state that was published last cannot be read');
    }
  }

  /** Tells whether verdicts in force have changed. What fails is tried again later. */
  async #renew(isEnough: () => boolean): Promise<boolean> {
    try {
      if (this.#mustLookForGpgv) await this.#lookForGpgv();
      return await this.#generations.renew(isEnough);
    } catch (error) {
      if (error instanceof LookupFailure) throw error;
      if (this.#stopped) return false;
      if (isUnexpected(error)) this.#options.failures.note('judging again', error);
      this.#renewAt = this.#options.elapsed() + RENEW_AGAIN;
      this.#options.log.warn({ error: messageOf(error) }, 'verdicts cannot be asked for again');
      return false;
    }
  }

  /** Without it most can be judged: if it fails, it is tried again the next time. */
  async #lookForGpgv(): Promise<void> {
    try {
      await this.#options.lookForGpgv();
      this.#mustLookForGpgv = false;
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'gpgv cannot be looked for');
    }
  }

  /** Undefined where the stop has cut it short. */
  async #advance(): Promise<Advance | { readonly result: 'failed' } | undefined> {
    try {
      return await this.#generations.advance(this.#noteDecision, this.#isWanted);
    } catch (error) {
      if (error instanceof LookupFailure) throw error;
      if (this.#stopped) return undefined;
      if (isUnexpected(error)) this.#options.failures.note('a refresh', error);
      const hint = error instanceof SourceError ? error.hint : undefined;
      const reason = `refresh failed: ${messageOf(error)}`;
      this.#noteDecision({ reason, hint, isLogged: false });
      this.#options.troubles.raise('refresh-failed', { message: messageOf(error), hint });
      return { result: 'failed' };
    }
  }

  /** Why the newest state is not in force, or null. */
  readonly #noteDecision = (trouble: Omit<Refusal, 'result'> | null): void => {
    const at = this.#options.now().toISOString();
    this.#lastError = trouble === null ? null : { at, message: toLine(trouble.reason) };
    if (trouble === null || trouble.isLogged) return;
    const { reason, hint, author } = trouble;
    this.#options.log.error({ hint, author }, reason);
  };

  #tellOutcome(result: LastRefresh['result']): void {
    const { troubles } = this.#options;
    if (result === 'failed') return;
    troubles.clear('refresh-failed');
    if (result !== 'refused') troubles.clear('state-refused');
  }

  #logChange(what: string, facts: object): void {
    const counts = countsOf(this.#generations.store);
    this.#options.log.info({ ...facts, ...this.#generations.current, ...counts }, what);
  }

  async #retryIfNeeded(next: Request, result: LastRefresh['result']): Promise<void> {
    if (this.#awaited !== undefined && result !== 'failed' && (await this.#has(this.#awaited))) {
      this.#awaited = undefined;
    }
    if (this.#awaited !== undefined && next.attempt >= COMMIT_TRIES) {
      const commit = this.#awaited;
      this.#options.log.warn(
        { commit },
        'the pushed commit is not visible on the branch; given up',
      );
      this.#awaited = undefined;
    }
    if (result !== 'failed' && this.#awaited === undefined) return;
    this.#retryIn(pauseBefore(next), next);
  }

  #retryIn(pause: number, next: Request): void {
    if (this.#isWanted()) return;
    this.#retryTimer = setTimeout(() => this.#enqueue(next), pause);
  }

  /** Whether a pushed commit has reached us, be it to be refused. */
  async #has(commit: string): Promise<boolean> {
    if (commit === this.#generations.newestCommit) return true;
    try {
      return await this.#options.source.hasCommit(commit);
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.warn({ commit, error: reason }, 'the pushed commit cannot be looked for');
      return false;
    }
  }

  /** What time itself brings, whether or not anything is asked for. */
  readonly #tick = (): void => {
    const elapsed = this.#options.elapsed();
    if (this.#jumpedAt !== undefined && elapsed >= this.#jumpedAt + JUMP_TOLD) {
      this.#options.troubles.clear('clock-jumped');
      this.#jumpedAt = undefined;
    }
    if (this.#stopped || this.#running || !this.#generations.store) return;
    if (!this.#generations.isTrue() && elapsed >= this.#renewAt) {
      this.#running = this.#work(this.#renewAlone);
    } else if (this.#generations.undecided > 0 && this.#undecidedPace.isDue()) {
      this.#running = this.#work(this.#retryUndecided);
    }
  };

  readonly #onJump = (milliseconds: number, since: number): void => {
    const { log, troubles, now, elapsed } = this.#options;
    const seconds = Math.round(Math.abs(milliseconds) / 1000);
    const where = milliseconds > 0 ? 'ahead' : 'back';
    const message = `the clock was set ${where} by ${seconds} s, to ${now().toISOString()}`;
    log.warn({ milliseconds }, message);
    troubles.raise('clock-jumped', {
      message,
      hint: 'look at time synchronisation if it happens again',
    });
    this.#jumpedAt = elapsed();
    // Of what was judged around the jump nobody knows by which time gpgv went.
    if (this.#running || this.#workedAt >= since) this.#generations.judgeAnew();
    this.request('clock');
  };

  readonly #renewAlone = async (): Promise<void> => {
    if (await this.#renew(this.#isWanted)) this.#logChange('judged again', { reason: 'clock' });
  };

  readonly #retryUndecided = async (): Promise<void> => {
    try {
      await this.#undecidedPace.time(async () => {
        if (!(await this.#options.hasGpgv())) return undefined;
        const isOver = patience(UNDECIDED_SLICE);
        const isEnough = (): boolean => this.#isWanted() || isOver();
        const pass = await this.#generations.retryUndecided(isEnough);
        if (pass.hasProgress) this.#logChange('judged again', { reason: 'retry' });
        return pass;
      });
    } catch (error) {
      if (error instanceof LookupFailure) throw error;
      if (this.#stopped) return;
      const reason = messageOf(error);
      this.#options.log.warn({ error: reason }, 'verdicts cannot be asked for again');
    }
  };

  #noteUndecided(): void {
    const { troubles } = this.#options;
    const count = this.#generations.undecided;
    this.#undecidedPace.note(count);
    if (count === 0) troubles.clear('undecided-files');
    else {
      const waiting =
        count === 1 ? '1 file waits for a verdict' : `${count} files wait for a verdict`;
      const older = this.#generations.olderServed;
      const message =
        older === 0 ? waiting : `${waiting}; in place of ${older} of them an older file is served`;
      troubles.raise('undecided-files', { message });
    }
  }
}

/** In milliseconds. */
function pauseBefore({ attempt }: Request): number {
  return Math.min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE);
}

function countsOf(store: SignatureStore | undefined): object {
  return { signatures: store?.signatures, repositories: store?.repositories, ...store?.summary };
}

function countCodes(files: Iterable<RejectedFile>): Codes {
  const counts = new Map<RejectionCode, number>();
  for (const { code } of files) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
