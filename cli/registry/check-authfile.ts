import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { UsageError } from '../base/usage-error.ts';

const HINT = 'make one with `skopeo login --authfile FILE REGISTRY`';

/**
 * Makes sure that skopeo can use a file of credentials: it would say so late, or not at all.
 * @throws UsageError
 */
export async function checkAuthfile(file: string): Promise<void> {
  const bytes = await readBounded(file, MOST_TEXT_BYTES).catch((cause: unknown) => {
    throw new UsageError(`--authfile: ${messageOf(cause)}`, HINT, { cause });
  });
  try {
    JSON.parse(bytes.toString());
  } catch {
    // What the parser says may quote a password.
    throw new UsageError(`--authfile: expected JSON in ${file}`, HINT);
  }
}
