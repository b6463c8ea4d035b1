import type { RejectedFile } from '../../generator/store/report.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { toPrintable } from '../../generator/terms/text.ts';

/** Rejected files that are named in the log at a time; the status lists all. */
const LOGGED_REJECTIONS = 20;

/** Names rejected files in the log, with the reason and the cure. */
export function logRejections(log: ProgramLog, files: Iterable<RejectedFile>): void {
  let logged = 0;
  for (const { path, code, message, hint } of files) {
    if (logged++ === LOGGED_REJECTIONS) {
      log.warn('more files are rejected; the status lists them all');
      return;
    }
    log.warn({ path: toPrintable(path), code, hint }, `rejected: ${message}`);
  }
}
