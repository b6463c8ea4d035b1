// Decides when to refresh from the source, and when to judge files again. One refresh runs at a time;
// requests that come meanwhile become one more, and the last of them wins. A refresh that fails, or does
// not find the pushed commit yet, is tried again with back-off, and the last good state is served on. A
// start brings the state that was published last into force before it asks the source.
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
import type { LostReport } from '../lost/lost-signatures.ts';
import type { Refusal } from './refusals.ts';
import { UndecidedPace } from './undecided-pace.ts';
import { WallClock } from './wall-clock.ts';

/** What asked for a refresh. */
export type RefreshReason =
  'start' | 'webhook' | 'poll' | 'signal' | 'files' | 'request' | 'change' | 'retry' | 'clock';

/** How a refresh went. */
export interface LastRefresh {
  /** ISO 8601. */
  readonly at: string;
  readonly reason: RefreshReason;
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
  /** Looks for gpgv again; called before everything is judged again. */
  readonly lookForGpgv: () => Promise<void>;
  /** Spreads retries, from 0 to less than 1; Math.random if left out. */
  readonly random?: () => number;
  /** Whether gpgv can be used now. */
  readonly hasGpgv: () => Promise<boolean>;
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  /** Called when a refresh has ended, unless the stop cut it short. */
  readonly onRefresh: (refresh: LastRefresh) => void;
}

interface Request {
  readonly reason: RefreshReason;
  /** Tries so far. */
  readonly attempt: number;
}

type Codes = ReadonlyMap<RejectionCode, number>;
const NO_CODES: Codes = new Map();

/** First and longest pause between tries, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 60_000;
/**
 * By how much a pause may be longer, as a part of it: of many servers that were told of a push at the same
 * time, not all come back to the git host at the same time.
 */
const RETRY_JITTER = 0.5;
/** A pushed commit that is not visible after this many tries (about 20 seconds) is given up. */
const COMMIT_TRIES = 7;
/** How long operators see that the clock has jumped. Milliseconds. */
const JUMP_TOLD = 3_600_000;
/** Pause after bytes could not be read to judge them again. Milliseconds. */
const RENEW_AGAIN = 30_000;
/** For how long judging again may hold up a refresh; the rest follows afterwards. Milliseconds. */
const RENEW_SLICE = 1000;
/** How long one pass over files without a verdict may take. Milliseconds. */
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
  /** Whether the retry that is planned is a long way off, so that a poll need not wait for it. */
  #isPostponed = false;
  #stopped = false;
  #mustLookForGpgv = false;
  /** By the clock that never jumps. */
  #workedAt = -Infinity;
  #renewAt = -Infinity;
  #jumpedAt: number | undefined;
  readonly #undecidedPace: UndecidedPace;
  /** The counts of a refused state: its files are in no store, and change only with a refresh. */
  #counted: { readonly since: LastRefresh | null; readonly codes: Codes } | undefined;

  /** Does nothing before `start`. */
  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#generations = new Generations(options);
    const { now, elapsed } = options;
    this.#undecidedPace = new UndecidedPace(elapsed);
    this.#clock = new WallClock({ now, elapsed, onTick: this.#tick, onJump: this.#onJump });
  }

  /** The store in force; undefined before the first generation. */
  readonly store = (): SignatureStore | undefined => this.#generations.store;

  /** Files that are not served because of a fault: rejected, or of a refused state. */
  readonly rejected = (): Iterable<RejectedFile> => this.#generations.rejected();

  /** Those of them that concern a digest, given as 64 lower-case hexadecimal digits. */
  readonly rejectedOf = (hex: string): readonly RejectedFile[] => this.#generations.rejectedOf(hex);

  /** The commit of the newest state of the source, in force or refused. */
  readonly newestCommit = (): string | null => this.#generations.newestCommit;
  readonly isNoted = (): boolean => this.#generations.isNoted;
  /** What changes of the source have taken away. */
  readonly lost = (): LostReport => this.#generations.lost;

  readonly status = (): RefreshStatus => ({
    generation: this.#generations.current,
    lastRefresh: this.#lastRefresh,
    lastError: this.#lastError,
    runningSince: this.#runningSince,
  });

  /**
   * How many files are rejected, by code. Costs nothing with `quarantine`; with `refuse` all of them are
   * counted once after each refresh.
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

  /** Brings the state that was published last into force, loads the source, and follows it from then on. */
  readonly start = (): void => {
    if (this.#stopped) return;
    this.#clock.start();
    this.#enqueue({ reason: 'start', attempt: 0 });
  };

  /** Asks for a refresh; given a commit, refreshes until it is there or back-off gives up. */
  readonly request = (reason: RefreshReason, commit?: string): void => {
    // What runs, waits or is planned comes anyway, and a poll would start the back-off from the beginning.
    if (reason === 'poll' && this.#isUnderWay()) return;
    if (reason !== 'poll' && this.#runningSince !== null) this.#options.source.hurry();
    this.#awaited = commit ?? this.#awaited;
    this.#enqueue({ reason, attempt: 0 });
  };

  /** The next refresh judges everything with another judge. */
  readonly replaceJudge = (judge: StoreJudge): void => this.#generations.replaceJudge(judge);

  /** The next refresh judges everything again. */
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

  /** Settles when what is running has ended; nothing starts afterwards. */
  readonly stop = async (): Promise<void> => {
    this.#stopped = true;
    this.#pending = undefined;
    this.#clock.stop();
    clearTimeout(this.#retryTimer);
    await this.#running;
    await this.#generations.close();
  };

  /** Whether the source is asked soon without a poll. */
  #isUnderWay(): boolean {
    const isPlanned = this.#retryTimer !== undefined && !this.#isPostponed;
    return isPlanned || this.#pending !== undefined || this.#runningSince !== null;
  }

  #enqueue(request: Request): void {
    if (this.#stopped) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#pending = request;
    this.#running ??= this.#work();
  }

  /** Does `first`, then every refresh that was asked for. */
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
        this.#retryIn(this.#pauseBefore(next), next);
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
    // `stop` cut it short.
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
      this.#options.log.warn({ error: reason }, 'the last good state cannot be read');
    }
  }

  /** Tells whether any verdict has changed. If it fails, it is tried again later. */
  async #renew(isEnough: () => boolean): Promise<boolean> {
    try {
      if (this.#mustLookForGpgv) await this.#lookForGpgv();
      return await this.#generations.renew(isEnough);
    } catch (error) {
      if (error instanceof LookupFailure) throw error;
      if (this.#stopped) return false;
      if (isUnexpected(error)) this.#options.failures.note('judging again', error);
      this.#renewAt = this.#options.elapsed() + RENEW_AGAIN;
      this.#options.log.warn({ error: messageOf(error) }, 'cannot judge files again');
      return false;
    }
  }

  /** Most files can be judged without gpgv, so a failure only means to look again the next time. */
  async #lookForGpgv(): Promise<void> {
    try {
      await this.#options.lookForGpgv();
      this.#mustLookForGpgv = false;
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'cannot look for gpgv');
    }
  }

  /** Undefined if `stop` cut it short. */
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
        'the pushed commit does not appear on the branch; no longer waiting for it',
      );
      this.#awaited = undefined;
    }
    if (result !== 'failed' && this.#awaited === undefined) return;
    this.#retryIn(this.#pauseBefore(next), next);
  }

  /** In milliseconds. */
  #pauseBefore({ attempt }: Request): number {
    const { random = Math.random } = this.#options;
    const pause = Math.min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE);
    return pause * (1 + RETRY_JITTER * random());
  }

  #retryIn(pause: number, next: Request): void {
    if (this.#isWanted()) return;
    this.#retryTimer = setTimeout(() => this.#enqueue(next), pause);
  }

  /** Whether a pushed commit has reached us, even if it was refused. */
  async #has(commit: string): Promise<boolean> {
    if (commit === this.#generations.newestCommit) return true;
    try {
      return await this.#options.source.hasCommit(commit);
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.warn({ commit, error: reason }, 'cannot look for the pushed commit');
      return false;
    }
  }

  /** Does what is due by the passing of time. */
  readonly #tick = (): void => {
    const elapsed = this.#options.elapsed();
    this.#generations.lost.tick();
    if (this.#jumpedAt !== undefined && elapsed >= this.#jumpedAt + JUMP_TOLD) {
      this.#options.troubles.clear('clock-jumped');
      this.#jumpedAt = undefined;
    }
    if (this.#stopped || this.#running || !this.#generations.store) return;
    this.#generations.moveNumbers();
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
      hint: 'check the time synchronisation if it happens again',
    });
    this.#jumpedAt = elapsed();
    // gpgv reads the clock itself, so verdicts from around the jump may be by either time.
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
      this.#options.log.warn({ error: reason }, 'cannot judge files again');
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

function countsOf(store: SignatureStore | undefined): object {
  return { signatures: store?.signatures, repositories: store?.repositories, ...store?.summary };
}

function countCodes(files: Iterable<RejectedFile>): Codes {
  const counts = new Map<RejectionCode, number>();
  for (const { code } of files) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
