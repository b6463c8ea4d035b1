import { SourceError } from '../../source.ts';
import { type GitEnvironment, SHORT_GIT, runGit } from './git-child.ts';

/** The first that reads settings from variables (`GIT_CONFIG_COUNT`): without them nothing here is safe. */
const OLDEST = [2, 31] as const;

/**
 * Sees that there is a git, and that it is new enough.
 * @throws SourceError
 */
export async function assertGitVersion(
  environment: GitEnvironment,
  ending: AbortSignal | undefined,
): Promise<void> {
  const { stdout } = await runGit('/dev/null', environment, ['version'], {
    limits: SHORT_GIT,
    ending,
  });
  const [, version = '', major, minor] =
    /^git version ((\d+)\.(\d+)\S*)/.exec(stdout.toString()) ?? [];
  const [oldestMajor, oldestMinor] = OLDEST;
  const isOld =
    Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor);
  if (!isOld) return;
  throw new SourceError(`git ${version} is too old: expected ${OLDEST.join('.')} or newer`, {
    hint: 'install a newer git, or put its directory first into PATH',
  });
}
