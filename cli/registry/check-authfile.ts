import { readFile } from 'node:fs/promises';
import { messageOf } from '../../generator/terms/errors.ts';
import { UsageError } from '../base/usage-error.ts';

const HINT = 'make one with `skopeo login --authfile FILE REGISTRY`';

/**
 * Makes sure that skopeo can use a file of credentials: it would say so late, or not at all.
 * @throws UsageError
 */
export async function checkAuthfile(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--authfile: ${messageOf(cause)}`, HINT, { cause });
  });
  try {
    JSON.parse(text);
  } catch {
    // What the parser says may quote a password.
    throw new UsageError(`--authfile: expected JSON in ${file}`, HINT);
  }
}
