import type { Environment } from '../base/read-settings.ts';

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
