// Opens the file of --audit-log at the start: what can never be a log is a usage error; a disk that is full,
// or a file that may not be written yet, does not keep a server from its nodes.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import {
  AUDIT_HINT,
  AUDIT_OPENING,
  AuditFile,
  NoAuditFileError,
} from '../../server/events/audit-file.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';
import { UsageError } from '../base/usage-error.ts';

/**
 * Undefined where no file is asked for.
 * @throws UsageError for a name under which there can be no file
 */
export async function openAuditFile(
  path: string | undefined,
  troubles: Pick<Troubles, 'raise'>,
  log: ProgramLog,
): Promise<AuditFile | undefined> {
  if (path === undefined || path === '-') return undefined;
  const file = new AuditFile(path);
  try {
    await file.open();
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR')) {
      const hint = 'make the directory in which it is to lie';
      throw new UsageError(`--audit-log: ${path} cannot be made: ${messageOf(cause)}`, hint, {
        cause,
      });
    }
    if (cause instanceof NoAuditFileError || hasCode(cause, 'EISDIR', 'ENXIO')) {
      const hint = 'name a file, or - for standard output';
      throw new UsageError(`--audit-log: ${path} is no regular file`, hint, { cause });
    }
    tellUnopened(cause, troubles, log);
  }
  return file;
}

/** Makes the file anew for who has rotated it, and finds out whether one can be opened that could not be. */
export async function reopenAuditFile(
  file: AuditFile,
  troubles: Pick<Troubles, 'raise' | 'clear'>,
  log: ProgramLog,
): Promise<void> {
  try {
    await file.open();
    troubles.clear('audit-log', AUDIT_OPENING);
  } catch (error) {
    tellUnopened(error, troubles, log);
  }
}

function tellUnopened(error: unknown, troubles: Pick<Troubles, 'raise'>, log: ProgramLog): void {
  const message = `the audit log cannot be written: ${messageOf(error)}`;
  log.error({ hint: AUDIT_HINT }, message);
  troubles.raise('audit-log', { message, hint: AUDIT_HINT }, AUDIT_OPENING);
}
