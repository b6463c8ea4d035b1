import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hasCode } from '../../generator/terms/has-code.ts';
import { messageOf } from '../../generator/terms/message-of.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

/**
 * Where the checkpoint of a source is kept. Undefined where that cannot be: then every start verifies
 * everything, which is no reason not to start.
 */
export async function openCheckpoint(
  stateDirectory: string,
  source: string,
  troubles: Troubles,
  log: ProgramLog,
): Promise<CheckpointFile | undefined> {
  const onError = (error: unknown): void => {
    const message = 'the checkpoint cannot be written; the next start is slower';
    log.warn({ error: messageOf(error) }, message);
    const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
    troubles.raise('state-directory', words, 'checkpoint');
  };
  try {
    await makeWritable(stateDirectory);
  } catch (error) {
    onError(error);
    return undefined;
  }
  return new CheckpointFile(stateFile(stateDirectory, source, 'checkpoint'), onError);
}

async function makeWritable(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw hasCode(error, 'EEXIST')
      ? new Error(`${directory} is no directory`, { cause: error })
      : error;
  });
  await access(directory, constants.W_OK | constants.X_OK);
}
