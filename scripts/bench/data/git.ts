import { type RunOptions, runOrThrow } from '../../../test/kit/process/run.ts';

/** Git without the settings of who runs the bench. */
export const GIT_ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
};

const PATIENCE = 1_800_000;

/** Runs git; gives what it printed, without the last newline. Throws with its words on failure. */
export async function git(
  args: readonly string[],
  options: Pick<RunOptions, 'cwd' | 'input'> = {},
): Promise<string> {
  const settings = { env: GIT_ENVIRONMENT, timeout: PATIENCE, ...options };
  const { stdout } = await runOrThrow('git', args, settings);
  return stdout.replace(/\n$/, '');
}
