import { messageOf } from '../../generator/terms/errors.ts';
import type { GivenUp } from '../../generator/openpgp/given-up.ts';
import { GivenUpFile } from '../../generator/openpgp/given-up-file.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

const PART = 'messages without a verdict';

/** The file in which messages that gpgv gave up outlive a restart. */
export function openGivenUp(
  stateDirectory: string,
  source: string,
  givenUp: GivenUp,
  troubles: Troubles,
  log: ProgramLog,
): GivenUpFile {
  const path = stateFile(stateDirectory, source, 'given-up');
  return new GivenUpFile(givenUp, {
    path,
    onUnreadable: (error) => {
      const message = 'what gpgv gave up in earlier runs cannot be read; it is asked once more';
      log.warn({ path, error: messageOf(error) }, message);
    },
    onUnwritable: (error) => {
      const message = 'what gpgv gave up cannot be kept for the next start';
      log.warn({ path, error: messageOf(error) }, message);
      const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
      troubles.raise('state-directory', words, PART);
    },
    onWritten: () => troubles.clear('state-directory', PART),
  });
}
