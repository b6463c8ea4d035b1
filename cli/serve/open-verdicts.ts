import { mkdir, stat } from 'node:fs/promises';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import {
  type VerdictFile,
  openVerdictFile,
} from '../../generator/store/checkpoint/verdict-file.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

/**
 * Opens the file in which verdicts on a source are remembered. Without one every start verifies
 * everything, which is no reason not to start.
 */
export async function openVerdicts(
  stateDirectory: string,
  source: string,
  troubles: Troubles,
  log: ProgramLog,
): Promise<VerdictFile | undefined> {
  const onError = (error: unknown): void => {
    const message = 'verdicts cannot be remembered; the next start is slower';
    log.warn({ error: messageOf(error) }, message);
    const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
    troubles.raise('state-directory', words, 'verdicts');
  };
  try {
    await mkdir(stateDirectory, { recursive: true }).catch((error: unknown) => {
      throw hasCode(error, 'EEXIST')
        ? new Error(`${stateDirectory} is no directory`, { cause: error })
        : error;
    });
    const path = stateFile(stateDirectory, source, 'verdicts');
    const stats = await stat(path).catch(() => undefined);
    // Anything else might be read without end.
    if (stats && !stats.isFile()) throw new Error(`${path} is no regular file`);
    return await openVerdictFile(path, onError);
  } catch (error) {
    onError(error);
    return undefined;
  }
}
