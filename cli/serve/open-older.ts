import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { OlderFiles } from '../../server/follow/older-files.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

const PART = 'older files';

/** The file in which what is served in place of files without a verdict outlives a restart. */
export function openOlder(
  stateDirectory: string,
  source: string,
  troubles: Troubles,
  log: ProgramLog,
): OlderFiles {
  const path = stateFile(stateDirectory, source, 'older');
  return new OlderFiles({
    path,
    onUnreadable: (error) => {
      const message = 'files that were served in place of others cannot be read';
      log.warn({ path, error: messageOf(error) }, message);
    },
    onUnwritable: (error) => {
      const message = 'files that are served in place of others cannot be kept for the next start';
      log.warn({ path, error: messageOf(error) }, message);
      const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
      troubles.raise('state-directory', words, PART);
    },
    onWritten: () => troubles.clear('state-directory', PART),
  });
}
