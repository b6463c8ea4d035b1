// How signatures get into the signature repository: pushed to its branch, or proposed.
import type { Candidate } from '../../signing/gather/candidate.ts';
import { proposeSignatures } from '../../signing/push/propose-signatures.ts';
import type { CommitVerb } from '../../signing/push/commit-message.ts';
import type { PushReport } from '../../signing/push/push-report.ts';
import { pushSignatures } from '../../signing/push/push-signatures.ts';
import type { PushOutcome } from '../../signing/target/push-commit.ts';
import type { ProcessIo } from '../base/process-io.ts';
import type { Environment } from '../base/read-settings.ts';
import type { Settings } from '../base/options.ts';
import type { OpenTarget } from '../inputs/open-target.ts';
import { explainTemporary } from '../inputs/unusable-directory.ts';

export interface HandOver {
  readonly target: OpenTarget;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly ending: AbortSignal;
  /** Pushes the good ones even if others are refused. */
  readonly keepsGoing?: boolean;
  /** Pushes also what says the same as a signature that is there, by the same signer. */
  readonly takesRepeats?: boolean;
  /** A proposal is found again by the bytes of its signatures, not only by what they say. */
  readonly isNamedByBytes?: boolean;
  /** What the commit's message begins with. */
  readonly verb?: CommitVerb;
  /** Is told of each candidate that is judged. */
  readonly onJudged?: () => void;
}

/**
 * Tries how far a push would come, without sending anything; undefined where nothing is in its way so far.
 * @throws RepositoryError where nothing can be committed
 */
export async function tryHandOver({
  target: { repository },
  settings,
}: Pick<HandOver, 'target' | 'settings'>): Promise<
  Extract<PushOutcome, { readonly kind: 'refused' | 'broken' }> | undefined
> {
  const ref = settings['pull-request'] ? 'refs/heads/lookaside/trial' : undefined;
  const outcome = await repository.tryPush(ref);
  return outcome.kind === 'refused' || outcome.kind === 'broken' ? outcome : undefined;
}

/**
 * Pushes candidates, or proposes them with --pull-request.
 * @throws RepositoryError
 */
export async function handOver(
  candidates: readonly Candidate[],
  { target, settings, io, ending, ...choices }: HandOver,
): Promise<PushReport> {
  const { repository, readRule, token } = target;
  const batch = {
    readRule,
    now: new Date(),
    isDryRun: settings['dry-run'],
    run: describeRun(io.environment),
    timeout: settings.timeout,
    ending,
    ...choices,
  };
  const { forge } = settings;
  try {
    return settings['pull-request']
      ? await proposeSignatures(repository, candidates, { ...batch, forge, token })
      : await pushSignatures(repository, candidates, batch);
  } catch (error) {
    throw explainTemporary(error);
  }
}

/**
 * The address of the CI run that this process is part of, as GitHub (and Gitea, with the same names),
 * GitLab and Jenkins tell it; undefined outside.
 */
export function describeRun(environment: Environment): string | undefined {
  const {
    GITHUB_SERVER_URL: server,
    GITHUB_REPOSITORY: repository,
    GITHUB_RUN_ID: run,
    CI_JOB_URL: job,
    BUILD_URL: build,
  } = environment;
  const isComplete = server !== undefined && repository !== undefined && run !== undefined;
  return isComplete ? `${server}/${repository}/actions/runs/${run}` : (job ?? build);
}
