// Hands signatures to the signature repository so that none is lost, whoever else pushes: what is new
// goes below numbers that nothing has, in one commit on top of the newest state. Where somebody else was
// faster, all of it is planned anew on what they pushed. Nothing is forced, overwritten or removed.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Candidate } from '../gather/candidate.ts';
import type { PushOutcome } from '../target/push-commit.ts';
import { RepositoryError } from '../target/repository-error.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { chooseNext } from './choose-number.ts';
import type { PushReport } from './push-report.ts';

/** How signatures are pushed to a branch. */
export interface PushSignaturesOptions extends BatchOptions {
  /** How long to try again where others push too, or the connection breaks. Milliseconds. */
  readonly timeout: number;
  readonly ending?: AbortSignal | undefined;
}

/** Between two attempts at most, at first and later. Milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 3000;

/** What did not work, and may another time. */
type Setback = Extract<PushOutcome, { readonly kind: 'overtaken' | 'broken' }>;

/**
 * Pushes candidates to the branch of a repository.
 * @throws RepositoryError where the repository cannot be read or takes no push, and when others were
 * faster until the time was over. Then nothing of these signatures is there that was not before, unless
 * the connection broke in the last moment.
 */
export async function pushSignatures(
  repository: SignatureRepository,
  candidates: readonly Candidate[],
  options: PushSignaturesOptions,
): Promise<PushReport> {
  const batch = new Batch(repository, candidates, options);
  return new BranchPush(repository, batch, options).run();
}

class BranchPush {
  readonly #repository: SignatureRepository;
  readonly #batch: Batch;
  readonly #ending: AbortSignal | undefined;
  readonly #end: number;
  /** What is there, or may be although nobody said so. */
  readonly #pushed = new Set<Candidate>();
  #attempts = 0;

  constructor(
    repository: SignatureRepository,
    batch: Batch,
    { timeout, ending }: PushSignaturesOptions,
  ) {
    this.#repository = repository;
    this.#batch = batch;
    this.#ending = ending;
    this.#end = performance.now() + timeout;
  }

  async run(): Promise<PushReport> {
    for (;;) {
      const plan = await this.#batch.plan(chooseNext);
      const { fresh } = plan;
      let { commit } = this.#repository;
      if (fresh.length > 0) {
        commit = await this.#batch.commit(fresh);
        this.#attempts++;
        const outcome = await this.#repository.push(commit);
        if (outcome.kind === 'refused') throw outcome.error;
        if (outcome.kind !== 'overtaken')
          for (const { good } of fresh) this.#pushed.add(good.candidate);
        if (outcome.kind !== 'pushed') {
          await this.#refresh(outcome);
          continue;
        }
      }
      const { location, branch } = this.#repository;
      const { isHeldBack } = plan;
      const signatures = this.#batch.describe(plan, (one) => this.#pushed.has(one));
      const attempts = this.#attempts;
      return { repository: location, branch, commit, attempts, isHeldBack, signatures };
    }
  }

  /** Looks for the newest state, after a while, and as often as it takes while there is time. */
  async #refresh(setback: Setback): Promise<void> {
    let last = setback;
    for (let tries = this.#attempts; ; tries++) {
      await this.#pause(tries, last);
      try {
        await this.#repository.refresh();
        return;
      } catch (error) {
        if (!(error instanceof RepositoryError)) throw error;
        last = { kind: 'broken', error };
      }
    }
  }

  /** Waits for a part of a time that grows, so that many who wait do not come back at once. */
  async #pause(tries: number, setback: Setback): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(tries, 10));
    const pause = Math.random() * longest;
    if (performance.now() + pause < this.#end) {
      await sleep(pause, undefined, { signal: this.#ending });
      return;
    }
    if (setback.kind === 'broken') throw setback.error;
    const { location, branch } = this.#repository;
    const times = this.#attempts === 1 ? 'once' : `${this.#attempts} times`;
    const message = `${location}: nothing is pushed: others were faster on ${branch}, ${times}: ${setback.reason}`;
    throw new RepositoryError(message, { hint: 'try again, with a longer --timeout' });
  }
}
