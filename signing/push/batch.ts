// What is pushed together: judged by the rule of the repository, planned on each state that is seen, told
// of in the end.
import type { Warning } from '../../generator/gate/judge.ts';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { type RefusedState, reportDirectory } from '../../generator/store/report.ts';
import type { Candidate } from '../gather/candidate.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import type { ChooseNumber } from './choose-number.ts';
import { type PublishedLimits, foreseeExcess } from './foresee-excess.ts';
import { type CommitVerb, formatCommitMessage } from './commit-message.ts';
import {
  type GoodCandidate,
  type JudgedCandidate,
  isBad,
  judgeCandidates,
} from './judge-candidates.ts';
import { type Placement, type PushPlan, planPush } from './plan-push.ts';
import type { PushedSignature } from './push-report.ts';
import { PublishedSignatures } from './published-signatures.ts';

/** By which rule a state of the repository takes signatures. */
export interface PushRule extends PublishedLimits {
  readonly judge: Pick<PlacingJudge, 'judge' | 'place' | 'placeAt'>;
}

/** What is pushed, and by which rule. */
export interface BatchOptions {
  /** Gives the rule of the newest state that was seen: the same object until it changes. */
  readonly readRule: () => Promise<PushRule>;
  readonly now: Date;
  /** Pushes the good ones even if others are refused. Default: nothing is pushed then. */
  readonly keepsGoing?: boolean;
  readonly isDryRun?: boolean;
  /** Pushes also what says the same as a signature that is there, by the same signer. */
  readonly takesRepeats?: boolean;
  /** What the commit's message begins with. Default: Sign. */
  readonly verb?: CommitVerb;
  /** The run of CI that signs, for the commit's message. */
  readonly run?: string | undefined;
  /** Is told of each candidate that is judged. */
  readonly onJudged?: () => void;
}

/** A placement that is to be pushed. */
export type NewPlacement = Extract<Placement, { readonly kind: 'new' }>;

/** What a state lacks of a batch. */
export interface BatchPlan extends PushPlan {
  /** All candidates, in their order. */
  readonly judged: readonly JudgedCandidate[];
  /** Whether nothing may be pushed: in a dry run, or where others are refused. */
  readonly isHeldBack: boolean;
  /** Why the state that all of it leads to would be refused; then nothing is pushed. */
  readonly refused: RefusedState | undefined;
  /** To be pushed now. */
  readonly fresh: readonly NewPlacement[];
}

/** The candidates by one rule. */
interface JudgedBatch {
  readonly rule: PushRule;
  readonly all: readonly JudgedCandidate[];
  readonly published: PublishedSignatures;
}

export class Batch {
  readonly #repository: SignatureRepository;
  readonly #candidates: readonly Candidate[];
  readonly #options: BatchOptions;
  #judged: JudgedBatch | undefined;

  constructor(
    repository: SignatureRepository,
    candidates: readonly Candidate[],
    options: BatchOptions,
  ) {
    this.#repository = repository;
    this.#candidates = candidates;
    this.#options = options;
  }

  /**
   * Plans for the newest state that the repository was seen in, by the rule that it has there.
   * @throws RepositoryError
   */
  async plan(chooseNumber: ChooseNumber): Promise<BatchPlan> {
    const { takesRepeats = false, isDryRun = false, keepsGoing = false } = this.#options;
    const { rule, all, published } = await this.#judge();
    const { subtree } = rule;
    const good = all.filter((one): one is GoodCandidate => !isBad(one));
    const found = await published.find(good.map(({ place }) => place));
    const plan = planPush(good, found, { subtree, takesRepeats, chooseNumber });
    const { placements } = plan;
    const hasRefused =
      good.length < all.length || placements.some(({ kind }) => kind === 'refused');
    const wanted = placements.filter(isNew);
    const paths = wanted.map(({ path }) => path);
    const refused = await foreseeExcess(this.#repository, paths, rule);
    const isHeldBack = isDryRun || refused !== undefined || (hasRefused && !keepsGoing);
    return { ...plan, judged: all, isHeldBack, refused, fresh: isHeldBack ? [] : wanted };
  }

  /** Once, and again when the rule has changed: a key may have been withdrawn. */
  async #judge(): Promise<JudgedBatch> {
    const { readRule, now, onJudged } = this.#options;
    const rule = await readRule();
    if (this.#judged?.rule === rule) return this.#judged;
    const isFirst = this.#judged === undefined;
    const { judge, subtree } = rule;
    const onOne = isFirst ? onJudged : undefined;
    const all = await judgeCandidates(this.#candidates, judge, now, onOne);
    const published = new PublishedSignatures(this.#repository, subtree, judge, now);
    this.#judged = { rule, all, published };
    return this.#judged;
  }

  /**
   * Commits what is new on top of the state that it was planned for; gives the commit's name.
   * @throws RepositoryError
   */
  async commit(fresh: readonly NewPlacement[]): Promise<string> {
    const files = fresh.map(({ path, good }) => ({ path, bytes: good.candidate.bytes }));
    const signatures = fresh.map(({ good }) => good.signature);
    const message = formatCommitMessage(signatures, this.#options.run, this.#options.verb);
    return this.#repository.commitFiles(files, message);
  }

  /** What became of each candidate, in their order, by a plan; `fateOf` is undefined for what was not pushed. */
  describe(
    plan: BatchPlan,
    fateOf: (candidate: Candidate) => 'new' | 'proposed' | undefined,
  ): readonly PushedSignature[] {
    const byCandidate = new Map(plan.placements.map((one) => [one.good, one]));
    const warnings = findWarnings(plan);
    return plan.judged.map((judged): PushedSignature => {
      const { origin } = judged.candidate;
      if (isBad(judged)) return { status: 'refused', origin, rejection: judged.rejection };
      const placement = byCandidate.get(judged);
      if (!placement) throw new Error(`no place was planned for ${origin}`);
      if (placement.kind === 'refused') {
        return { status: 'refused', origin, rejection: placement.rejection };
      }
      const { path } = placement;
      const isSame = placement.kind === 'new' || placement.isSame;
      const fresh = fateOf(judged.candidate) ?? 'would-be-new';
      const status = placement.kind === 'new' || (isSame && fresh === 'new') ? fresh : 'there';
      const { signature } = judged;
      return { status, origin, path, isSame, signature, warnings: warnings.get(path) ?? [] };
    });
  }
}

/** What the gate warns of when all is there, by paths. That holes are closed is meant to be so. */
function findWarnings({ directories }: PushPlan): ReadonlyMap<string, readonly Warning[]> {
  const found = new Map<string, readonly Warning[]>();
  for (const [name, files] of directories) {
    for (const reported of reportDirectory(name, files)) {
      if (reported.status !== 'accepted' && reported.status !== 'unverified') continue;
      found.set(
        reported.path,
        reported.warnings.filter(({ code }) => code !== 'renumbered'),
      );
    }
  }
  return found;
}

function isNew(placement: Placement): placement is NewPlacement {
  return placement.kind === 'new';
}
