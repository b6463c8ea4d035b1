import { StateRefusedError } from '../../generator/sources/source.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { RefusedImageError, UsageError, formatUsageError } from '../base/usage-error.ts';

/**
 * Runs a command. A state over its budget, or an image that no node could pull, is told as a fault of
 * the data, with its exit code.
 */
export async function tellRefused(
  { stderr }: Pick<ProcessIo, 'stderr'>,
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RefusedImageError) {
      stderr.write(formatUsageError(error));
      return 1;
    }
    if (!(error instanceof StateRefusedError)) throw error;
    const { message, hint, origin } = error;
    const what = origin.commit === undefined ? 'the source' : `commit ${origin.commit}`;
    const by = origin.author === undefined ? '' : `, brought by ${origin.author}`;
    stderr.write(formatUsageError(new UsageError(`${what} is refused: ${message}${by}`, hint)));
    return 1;
  }
}
