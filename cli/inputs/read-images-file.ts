import { text } from 'node:stream/consumers';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { parseDockerReference } from '../../generator/terms/image-name.ts';
import { cut, listLines } from '../../generator/terms/text.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';

/** Half a million images. Bytes. */
const MOST_BYTES = 64 * 1024 ** 2;

/**
 * Reads the file of `--images`: an image on each line, or a pattern with `*`; `#` begins a comment. With
 * `stdin`, `-` stands for it.
 * @throws UsageError naming the line that is neither
 */
export async function readImagesFile(
  file: string,
  stdin?: ProcessIo['stdin'],
): Promise<readonly string[]> {
  const content = file === '-' && stdin ? await text(stdin) : await readList(file);
  return listLines(content).map(({ line, at }) => {
    if (line.includes('*') || parseDockerReference(line)) return line;
    const message = `--images: ${file}:${at}: expected an image, got ${cut(JSON.stringify(line))}`;
    throw new UsageError(message, 'write it as nodes pull it, like quay.io/team/app:v1');
  });
}

async function readList(file: string): Promise<string> {
  const bytes = await readBounded(file, MOST_BYTES).catch((cause: unknown) => {
    const hint = 'name a file with an image on each line';
    throw new UsageError(`--images: ${messageOf(cause)}`, hint, { cause });
  });
  return bytes.toString();
}
