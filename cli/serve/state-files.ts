import { createImageWriter } from '../../generator/store/checkpoint/image-writer.ts';
import type { ImageFile } from '../../generator/store/checkpoint/checkpoint.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Source } from '../../generator/sources/source.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { STATE_DIRECTORY_HINT, stateFile } from '../inputs/state-file.ts';

/** Where an image of a source's store is kept; undefined for a directory, which has no history. */
export function openImage(
  stateDirectory: string,
  { kind, location }: Source,
  troubles: Troubles,
  log: ProgramLog,
): ImageFile | undefined {
  if (kind !== 'git') return undefined;
  const path = stateFile(stateDirectory, location, 'image');
  const writer = createImageWriter(path, (error) => {
    const message = 'the image of the store cannot be written; the next start is slower';
    log.warn({ error: messageOf(error) }, message);
    const words = { message: `${message}: ${messageOf(error)}`, hint: STATE_DIRECTORY_HINT };
    troubles.raise('state-directory', words, 'image');
  });
  return { path, writer };
}
