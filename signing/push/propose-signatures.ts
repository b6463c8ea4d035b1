// Proposes signatures instead of pushing them to the branch: a branch of its own, with one commit. Numbers
// come from the signatures themselves, so that any two proposals can be merged, in any order, and each
// signature is there then: a number behind the last one would be taken by both, and one of them lost.
//
// The branch is named by what the signatures say, so that a second run finds the proposal of the first.
import { createHash, randomBytes } from 'node:crypto';
import type { Signature } from '../../generator/gate/judge.ts';
import type { Candidate } from '../gather/candidate.ts';
import type { RequestText } from '../target/forge.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { RepositoryError } from '../target/repository-error.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { chooseByContent } from './choose-number.ts';
import { type SaidSignature, formatCommitMessage, formatSubject } from './commit-message.ts';
import { type ForgeOptions, Proposer } from './proposer.ts';
import type { Proposal, PushReport } from './push-report.ts';

/** How signatures are proposed. */
export interface ProposeSignaturesOptions extends BatchOptions, BackoffOptions, ForgeOptions {
  /** The proposal is named by the bytes of the signatures too, for those who take what says the same. */
  readonly isNamedByBytes?: boolean;
}

/**
 * Proposes candidates, unless an earlier run has proposed the same.
 * @throws RepositoryError where the repository cannot be read or takes no push, or the branch is pushed
 * and no request could be opened for it
 */
export async function proposeSignatures(
  repository: SignatureRepository,
  candidates: readonly Candidate[],
  options: ProposeSignaturesOptions,
): Promise<PushReport> {
  const batch = new Batch(repository, candidates, options);
  const backoff = new Backoff(options);
  for (let attempts = 1; ; attempts++) {
    const plan = await batch.plan(chooseByContent);
    const { fresh, isHeldBack, refused } = plan;
    const { location, branch, commit } = repository;
    const report = { repository: location, branch, isHeldBack, ...(refused && { refused }) };
    if (fresh.length === 0) {
      const signatures = batch.describe(plan, () => undefined);
      return { ...report, commit, attempts: 0, signatures };
    }
    const { takesRepeats = false, isNamedByBytes = false } = options;
    const signed = fresh.map(({ good }) => good.signature);
    // Whoever wants the same once more gets another one.
    const isAnew = takesRepeats && !isNamedByBytes;
    const salt = isAnew ? randomBytes(8).toString('hex') : isNamedByBytes ? hashesOf(signed) : '';
    const proposer = makeProposer(repository, signed, backoff, { ...options, salt });
    const earlier = isAnew ? undefined : await proposer.find();
    const made = earlier ? undefined : await batch.commit(fresh);
    const proposal = earlier ?? (await proposer.open(made ?? ''));
    if (proposal) {
      const [fate, tries] = proposal.isEarlier
        ? (['proposed', 0] as const)
        : (['new', attempts] as const);
      const chosen = new Set(fresh.map(({ good }) => good.candidate));
      const signatures = batch.describe(plan, (one) => (chosen.has(one) ? fate : undefined));
      const result = proposal.isEarlier ? commit : made;
      return { ...report, commit: result, attempts: tries, signatures, proposal };
    }
    if (!(await backoff.pause(attempts))) {
      const message = `${location}: nothing was proposed: other pushes to ${branch} came first, until --timeout`;
      throw new RepositoryError(message, { hint: 'try again, with a longer --timeout' });
    }
    await repository.refresh();
  }
}

/**
 * The proposal of an earlier run of what is to be signed; undefined for none.
 * @throws RepositoryError
 */
export async function findProposal(
  repository: SignatureRepository,
  wanted: readonly SaidSignature[],
  options: BackoffOptions & ForgeOptions & Pick<BatchOptions, 'run'>,
): Promise<Proposal | undefined> {
  return makeProposer(repository, wanted, new Backoff(options), { ...options, salt: '' }).find();
}

function makeProposer(
  repository: SignatureRepository,
  said: readonly SaidSignature[],
  backoff: Backoff,
  options: ForgeOptions & Pick<BatchOptions, 'run' | 'verb'> & { readonly salt: string },
): Proposer {
  const request: RequestText = {
    target: repository.branch,
    title: formatSubject(said, options.verb),
    description: formatCommitMessage(said, options.run).split('\n').slice(2).join('\n'),
  };
  return new Proposer(
    repository,
    nameProposal(said, request.target, options.salt),
    request,
    backoff,
    options,
  );
}

function hashesOf(signatures: readonly Signature[]): string {
  return signatures
    .map(({ hash }) => hash)
    .toSorted()
    .join(' ');
}

/** The same for all that say the same by the same signers, for the same branch. */
function nameProposal(said: readonly SaidSignature[], target: string, salt: string): string {
  const lines = said.map(
    ({ claims: { dockerReference, manifestDigest }, signer }) =>
      `${dockerReference} ${manifestDigest} ${signer?.primaryFingerprint}`,
  );
  const text = [target, salt, ...[...new Set(lines)].toSorted()].join('\n');
  return `lookaside/${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
