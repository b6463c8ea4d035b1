import { messageOf } from '../../generator/terms/errors.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { type RefusedFile, createRefusedFile } from '../../server/refused/refused-file.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

const PART = 'refused pulls';

/** The file in which refused pulls of a source outlive a restart. */
export function openRefused(
  stateDirectory: string,
  source: string,
  troubles: Troubles,
  log: ProgramLog,
): RefusedFile {
  const path = stateFile(stateDirectory, source, 'refused');
  const warn =
    (message: string) =>
    (error: unknown): void => {
      log.warn({ path, error: messageOf(error) }, message);
      const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
      troubles.raise('state-directory', words, PART);
    };
  return createRefusedFile({
    path,
    onUnreadable: warn('refused pulls of earlier runs cannot be read; counting anew'),
    onUnwritable: warn('refused pulls cannot be kept for the next start'),
    onWritten: () => troubles.clear('state-directory', PART),
  });
}
