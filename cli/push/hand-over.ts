// How signatures get into the signature repository: pushed to its branch, or proposed.
import type { Candidate } from '../../signing/gather/candidate.ts';
import { proposeSignatures } from '../../signing/push/propose-signatures.ts';
import type { PushReport } from '../../signing/push/push-report.ts';
import { pushSignatures } from '../../signing/push/push-signatures.ts';
import type { ProcessIo } from '../base/process-io.ts';
import type { Environment } from '../base/read-settings.ts';
import type { Settings } from '../base/options.ts';
import type { OpenTarget } from '../inputs/open-target.ts';

export interface HandOver {
  readonly target: OpenTarget;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly ending: AbortSignal;
  /** Pushes the good ones even if others are refused. */
  readonly keepsGoing?: boolean;
  /** Pushes also what says the same as a signature that is there, by the same signer. */
  readonly takesRepeats?: boolean;
  /** Is told of each candidate that is judged. */
  readonly onJudged?: () => void;
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
  if (!settings['pull-request']) return pushSignatures(repository, candidates, batch);
  const { forge } = settings;
  return proposeSignatures(repository, candidates, { ...batch, forge, token });
}

/**
 * The address of the CI run that this process is part of, as GitHub (and Gitea, with the same names),
 * GitLab and Jenkins tell it; undefined outside.
 */
function describeRun(environment: Environment): string | undefined {
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
