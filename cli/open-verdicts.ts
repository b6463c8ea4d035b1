import { mkdir, stat } from 'node:fs/promises';
import { messageOf } from '../generator/message-of.ts';
import { type VerdictFile, openVerdictFile } from '../generator/verdict-file.ts';
import type { ProgramLog } from '../server/program-log.ts';
import { stateFile } from './state-file.ts';

/**
 * Opens the file in which verdicts on a source are remembered. Without one every start verifies
 * everything, which is no reason not to start.
 */
export async function openVerdicts(
  stateDirectory: string,
  source: string,
  log: ProgramLog,
): Promise<VerdictFile | undefined> {
  const onError = (error: unknown): void =>
    log.warn(
      { error: messageOf(error) },
      'verdicts cannot be remembered; the next start is slower',
    );
  try {
    await mkdir(stateDirectory, { recursive: true });
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
