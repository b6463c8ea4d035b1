// Hands signatures to the signature repository so that none is lost, whoever else pushes: what is new
// goes below numbers that nothing has, in one commit on top of the newest state. Where somebody else was
// faster, all of it is planned anew on what they pushed. Nothing is forced, overwritten or removed.
import type { Candidate } from '../gather/candidate.ts';
import type { PushOutcome } from '../target/push-commit.ts';
import { RepositoryError } from '../target/repository-error.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { chooseNext } from './choose-number.ts';
import type { PushReport } from './push-report.ts';

/** How signatures are pushed to a branch: tried again where others push too, or the connection breaks. */
export type PushSignaturesOptions = BatchOptions & BackoffOptions;

/** What did not work, and may another time. */
type Setback = Extract<PushOutcome, { readonly kind: 'overtaken' | 'locked' | 'broken' }>;

/**
 * Pushes candidates to the branch of a repository.
 * @throws RepositoryError where the repository cannot be read or takes no push, and when others were
 * faster until the time was over. Then nothing of these signatures is there that was not before. After a
 * connection that breaks the branch is looked at, and where that fails the error says that nobody knows.
 */
export async function pushSignatures(
  repository: SignatureRepository,
  candidates: readonly Candidate[],
  options: PushSignaturesOptions,
): Promise<PushReport> {
  const batch = new Batch(repository, candidates, options);
  return new BranchPush(repository, batch, options).run();
}

const AGAIN = 'run the same command again later: what is there by then is not pushed twice';

class BranchPush {
  readonly #repository: SignatureRepository;
  readonly #batch: Batch;
  readonly #backoff: Backoff;
  /** What is there, or may be although nobody said so. */
  readonly #pushed = new Set<Candidate>();
  #attempts = 0;
  /** Whether anybody else has moved the branch meanwhile. */
  #isMoved = false;
  /** Why there is no other attempt, once the time is over and it was only looked what came of the last. */
  #end: RepositoryError | undefined;

  constructor(repository: SignatureRepository, batch: Batch, options: BackoffOptions) {
    this.#repository = repository;
    this.#batch = batch;
    this.#backoff = new Backoff(options);
  }

  async run(): Promise<PushReport> {
    for (;;) {
      const plan = await this.#batch.plan(chooseNext);
      const { fresh } = plan;
      let { commit } = this.#repository;
      if (fresh.length > 0) {
        if (this.#end) throw this.#describeUnpushed(this.#end);
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
      const { isHeldBack, refused } = plan;
      const signatures = this.#batch.describe(plan, (one) =>
        this.#pushed.has(one) ? 'new' : undefined,
      );
      const attempts = this.#attempts;
      const about = { repository: location, branch, commit, attempts, isHeldBack };
      return { ...about, ...(refused && { refused }), signatures };
    }
  }

  /** Looks for the newest state, after a while, and as often as it takes while there is time. */
  async #refresh(setback: Setback): Promise<void> {
    const { commit } = this.#repository;
    if (setback.kind === 'overtaken') this.#isMoved = true;
    let last = setback;
    for (let tries = this.#attempts; ; tries++) {
      if (!(await this.#backoff.pause(tries))) {
        if (setback.kind !== 'broken') throw this.#describeSetback(last);
        // Whatever came of it, people are told the truth.
        this.#end = setback.error;
      }
      try {
        await this.#repository.refresh();
        if (this.#repository.commit !== commit) this.#isMoved = true;
        return;
      } catch (error) {
        if (!(error instanceof RepositoryError)) throw error;
        if (this.#end) throw this.#describeUnknown(this.#end, error);
        last = { kind: 'broken', error };
      }
    }
  }

  #describeUnpushed(cause: RepositoryError): RepositoryError {
    const { branch } = this.#repository;
    const message = `${cause.message}; looked up afterwards, ${branch} does not have the signatures`;
    return new RepositoryError(message, { hint: AGAIN, cause });
  }

  #describeUnknown(cause: RepositoryError, { message: reason }: RepositoryError): RepositoryError {
    const { branch } = this.#repository;
    const message = `${cause.message}; nobody knows whether ${branch} has the signatures: ${reason}`;
    return new RepositoryError(message, { hint: AGAIN, cause });
  }

  /** Why there is no other attempt. */
  #describeSetback(setback: Setback): RepositoryError {
    if (setback.kind === 'broken') return setback.error;
    const { location, branch } = this.#repository;
    const times = this.#attempts === 1 ? 'once' : `${this.#attempts} times`;
    if (setback.kind === 'overtaken' || this.#isMoved) {
      const message = `${location}: not pushed: other pushes to ${branch} came first ${times}, until --timeout`;
      return new RepositoryError(message, { hint: 'try again, with a longer --timeout' });
    }
    const message = `${location}: not pushed: ${branch} could not be moved, tried ${times}, until --timeout: ${setback.reason}`;
    const hint =
      'see whether another push hangs; if there is none, whoever runs the repository can remove the lock that is named';
    return new RepositoryError(message, { hint });
  }
}
