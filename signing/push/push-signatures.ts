// Hands signatures to the signature repository so that none is lost, whoever else pushes: what is new
// goes below numbers that nothing has, in one commit on top of the newest state. Where somebody else was
// faster, all of it is planned anew on what they pushed. Nothing is forced, overwritten or removed.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import type { Candidate } from '../gather/candidate.ts';
import type { PushOutcome } from '../target/push-commit.ts';
import { RepositoryError } from '../target/repository-error.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { chooseNext } from './choose-number.ts';
import { formatCommitMessage } from './commit-message.ts';
import {
  type GoodCandidate,
  type JudgedCandidate,
  isBad,
  judgeCandidates,
} from './judge-candidates.ts';
import { type Placement, planPush } from './plan-push.ts';
import type { PushReport, PushedSignature } from './push-report.ts';
import { Standing } from './standing.ts';

/** How a push is done. */
export interface PushSignaturesOptions {
  readonly judge: Pick<PlacingJudge, 'judge' | 'place'>;
  /** The published subtree of the repository; '' for all of it. */
  readonly subtree: string;
  readonly now: Date;
  /** How long to try again where others push too. Milliseconds. */
  readonly timeout: number;
  /** Pushes the good ones even if others are refused. Default: nothing is pushed then. */
  readonly keepsGoing?: boolean;
  readonly isDryRun?: boolean;
  /** Pushes also what says the same as a signature that is there, by the same signer. */
  readonly takesRepeats?: boolean;
  /** The run of CI that signs, for the commit's message. */
  readonly run?: string | undefined;
  /** Is told of each candidate that is judged. */
  readonly onJudged?: () => void;
  readonly ending?: AbortSignal | undefined;
}

/** Between two attempts at most, at first and later. Milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 3000;

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
  const { judge, subtree, now, onJudged } = options;
  const judged = await judgeCandidates(candidates, judge, now, onJudged);
  const standing = new Standing(repository, subtree, judge, now);
  return new BranchPush(repository, judged, standing, options).run();
}

class BranchPush {
  readonly #repository: SignatureRepository;
  readonly #judged: readonly JudgedCandidate[];
  readonly #good: readonly GoodCandidate[];
  readonly #standing: Standing;
  readonly #options: PushSignaturesOptions;
  /** What may have come through although nobody said so. */
  readonly #tried = new Set<GoodCandidate>();
  #attempts = 0;

  constructor(
    repository: SignatureRepository,
    judged: readonly JudgedCandidate[],
    standing: Standing,
    options: PushSignaturesOptions,
  ) {
    this.#repository = repository;
    this.#judged = judged;
    this.#good = judged.filter((one): one is GoodCandidate => !isBad(one));
    this.#standing = standing;
    this.#options = options;
  }

  async run(): Promise<PushReport> {
    const { timeout, ending, isDryRun = false } = this.#options;
    const end = performance.now() + timeout;
    for (;;) {
      ending?.throwIfAborted();
      const placements = await this.#plan();
      const fresh = placements.filter((one) => one.kind === 'new');
      if (isDryRun || fresh.length === 0 || this.#isHeldBack(placements)) {
        return this.#report(placements, this.#repository.commit, 'would-be-new');
      }
      const files = fresh.map(({ path, good }) => ({ path, bytes: good.candidate.bytes }));
      const added = fresh.map(({ good }) => good);
      const message = formatCommitMessage(added, this.#options.run);
      const commit = await this.#repository.commitFiles(files, message);
      this.#attempts++;
      const outcome = await this.#repository.push(commit);
      if (outcome.kind === 'pushed') return this.#report(placements, commit, 'new');
      if (outcome.kind === 'refused') throw outcome.error;
      if (outcome.kind === 'broken') for (const good of added) this.#tried.add(good);
      await this.#pause(end, outcome);
      await this.#repository.refresh();
    }
  }

  async #plan(): Promise<readonly Placement[]> {
    const { subtree, takesRepeats = false } = this.#options;
    const standing = await this.#standing.find(this.#good.map(({ place }) => place));
    return planPush(this.#good, standing, { subtree, takesRepeats, chooseNumber: chooseNext });
  }

  #isHeldBack(placements: readonly Placement[]): boolean {
    if (this.#options.keepsGoing === true) return false;
    return this.#judged.some(isBad) || placements.some(({ kind }) => kind === 'refused');
  }

  /** Waits for a part of a time that grows, so that many who wait do not come back at once. */
  async #pause(end: number, outcome: Exclude<PushOutcome, { kind: 'pushed' }>): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#attempts, 10));
    const pause = Math.random() * longest;
    if (performance.now() + pause < end) {
      await sleep(pause, undefined, { signal: this.#options.ending });
      return;
    }
    if (outcome.kind !== 'overtaken') throw outcome.error;
    const { location, branch } = this.#repository;
    const times = this.#attempts === 1 ? 'once' : `${this.#attempts} times`;
    throw new RepositoryError(
      `${location}: nothing is pushed: others moved ${branch} first, ${times}: ${outcome.reason}`,
      { hint: 'try again, with a longer --timeout' },
    );
  }

  #report(
    placements: readonly Placement[],
    commit: string | undefined,
    fresh: 'new' | 'would-be-new',
  ): PushReport {
    const byCandidate = new Map(placements.map((one) => [one.good, one]));
    const { location, branch } = this.#repository;
    return {
      repository: location,
      branch,
      commit,
      attempts: this.#attempts,
      signatures: this.#judged.map((one) => this.#describe(one, byCandidate, fresh)),
    };
  }

  #describe(
    judged: JudgedCandidate,
    placements: ReadonlyMap<GoodCandidate, Placement>,
    fresh: 'new' | 'would-be-new',
  ): PushedSignature {
    const { origin } = judged.candidate;
    if (isBad(judged)) return { status: 'refused', origin, rejection: judged.rejection };
    const placement = placements.get(judged);
    if (!placement) throw new Error('a candidate has no place');
    if (placement.kind === 'refused') {
      return { status: 'refused', origin, rejection: placement.rejection };
    }
    const { path } = placement;
    const { signature } = judged;
    if (placement.kind === 'new') return { status: fresh, origin, path, isSame: true, signature };
    const status = placement.isSame && this.#tried.has(judged) ? 'new' : 'there';
    return { status, origin, path, isSame: placement.isSame, signature };
  }
}
