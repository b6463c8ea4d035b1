import { createImageWriter } from '../generator/image/image-writer.ts';
import type { ImageFile } from '../generator/image/store-memory.ts';
import { messageOf } from '../generator/message-of.ts';
import type { Source } from '../generator/sources/source.ts';
import type { ProgramLog } from '../server/program-log.ts';
import { stateFile } from './state-file.ts';

/** Where an image of a source's store is kept; undefined for a directory, which has no history. */
export function openImage(
  stateDirectory: string,
  { kind, location }: Source,
  log: ProgramLog,
): ImageFile | undefined {
  if (kind !== 'git') return undefined;
  const path = stateFile(stateDirectory, location, 'image');
  const writer = createImageWriter(path, (error) =>
    log.warn(
      { error: messageOf(error) },
      'the image of the store cannot be written; the next start is slower',
    ),
  );
  return { path, writer };
}
