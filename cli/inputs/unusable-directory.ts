// Directories that are not given but needed: the state directory, and the one for what is temporary.
import { hasCode, hintOf, messageOf } from '../../generator/terms/errors.ts';
import { UsageError } from '../base/usage-error.ts';

/** What the system, or git in its words, says of a directory that cannot be written. */
const UNWRITABLE =
  /\b(?:EACCES|EPERM|EROFS|ENOSPC|EDQUOT)\b|Permission denied|Read-only file system|No space left|quota exceeded/i;

/**
 * An error of work in a directory, with the cure where the directory is at fault: it is not ours, it
 * is read-only, or its disk is full.
 */
export function explainDirectory(error: unknown, directory: string): unknown {
  const message = messageOf(error);
  if (hintOf(error) !== undefined || !UNWRITABLE.test(message)) return error;
  const hint = `make ${directory} writable for the user that runs lookaside, with room on its disk`;
  return new UsageError(`cannot work in ${directory}: ${message}`, hint, { cause: error });
}

/** An error of making a temporary directory, or of having no room in it, with the cure. */
export function explainTemporary(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const isMaking = error.syscall === 'mkdtemp';
  if (!isMaking && !hasCode(error, 'ENOSPC', 'EDQUOT', 'EROFS')) return error;
  const what = isMaking ? 'cannot make a temporary directory' : 'cannot write temporary files';
  const hint = `set TMPDIR to a directory that can be written${isMaking ? '' : ', with room on its disk'}`;
  return new UsageError(`${what}: ${error.message}`, hint, { cause: error });
}
