import type { Source } from '../../generator/sources/source.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { TriedCommit } from '../../server/follow/tried-commit.ts';
import { stateFile } from '../inputs/state-file.ts';

/** Where the commit is noted that is being judged; undefined for a directory, which has none. */
export function openTried(
  stateDirectory: string,
  { kind, location }: Source,
  log: ProgramLog,
): TriedCommit | undefined {
  if (kind !== 'git') return undefined;
  const path = stateFile(stateDirectory, location, 'tried');
  return new TriedCommit({
    path,
    elapsed: () => performance.now(),
    onError: (error) =>
      log.warn({ path, error: messageOf(error) }, 'the commit that is judged cannot be noted'),
  });
}
