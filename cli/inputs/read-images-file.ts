import { text } from 'node:stream/consumers';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { listLines } from '../../generator/terms/text.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';

/** Half a million images. Bytes. */
const MOST_BYTES = 64 * 1024 ** 2;

/**
 * Reads the file of `--images`: an image on each line, `#` begins a comment. With `stdin`, `-` stands for it.
 * @throws UsageError
 */
export async function readImagesFile(
  file: string,
  stdin?: ProcessIo['stdin'],
): Promise<readonly string[]> {
  const content = file === '-' && stdin ? await text(stdin) : await readList(file);
  return listLines(content).map(({ line }) => line);
}

async function readList(file: string): Promise<string> {
  const bytes = await readBounded(file, MOST_BYTES).catch((cause: unknown) => {
    const hint = 'name a file with an image on each line';
    throw new UsageError(`--images: ${messageOf(cause)}`, hint, { cause });
  });
  return bytes.toString();
}
